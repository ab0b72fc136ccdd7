"""A file of half the size, whose answers are about the same and take the same operators."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from digitserve_training.errors import VerificationError
from digitserve_training.graph import Graph
from digitserve_training.half_precision import halved
from digitserve_training.verification import check_rounding, verify

IMAGES = np.random.default_rng(2).integers(0, 256, (60, 28, 28)).astype(np.uint8)


def test_it_is_half_as_large_and_answers_about_the_same(graph: Graph) -> None:
    rounded = Graph(halved(graph.serialized))
    assert len(rounded.serialized) < 0.6 * len(graph.serialized)
    assert 0 < check_rounding(rounded, graph, IMAGES) < 0.01
    assert verify(rounded, IMAGES, rounded.probabilities(IMAGES)) == 0


def test_it_stores_the_weights_rounded_to_float16_and_others_as_they_are(graph: Graph) -> None:
    def weights(serialized: bytes) -> dict[str, np.ndarray]:
        arrays = onnx.load_from_string(serialized).graph.initializer
        return {array.name: onnx.numpy_helper.to_array(array) for array in arrays}

    before, after = weights(graph.serialized), weights(halved(graph.serialized))
    for name, values in before.items():
        found = after.get(name, after.get(f"{name} as stored"))
        is_large = values.dtype == np.float32 and values.size >= 256
        np.testing.assert_array_equal(found, values.astype(np.float16) if is_large else values)
        assert found is not None
        assert found.dtype == (np.float16 if is_large else values.dtype)


def test_onnxruntime_casts_when_it_loads_and_not_when_it_answers(graph: Graph, tmp_path: Path) -> None:
    def operators(serialized: bytes) -> Counter[str]:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
        onnxruntime.InferenceSession(serialized, options, providers=["CPUExecutionProvider"])
        return Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)

    assert operators(halved(graph.serialized)) == operators(graph.serialized)


def test_weights_that_float16_cannot_hold_are_refused(graph: Graph) -> None:
    proto = onnx.load_from_string(graph.serialized)
    largest = max(proto.graph.initializer, key=lambda array: np.prod(array.dims))
    values = onnx.numpy_helper.to_array(largest) * 1e7
    largest.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float32), largest.name))
    exact = Graph(proto.SerializeToString())
    with pytest.raises(VerificationError, match=r"float16.*apart"):
        check_rounding(Graph(halved(exact.serialized)), exact, IMAGES)
