"""The graph that is written, and the checks that stand before it."""

from collections.abc import Callable

import keras  # noqa: TID251  the network is one
import numpy as np
import onnx
import pytest
from digitserve_training import calibration, network
from digitserve_training.config import names
from digitserve_training.data import Images, LabelledImages
from digitserve_training.errors import VerificationError
from digitserve_training.export import export
from digitserve_training.graph import Graph
from digitserve_training.learner import Learner
from digitserve_training.verification import (
    check_batches,
    check_contract,
    check_parity,
    check_well_formed,
    verify,
)
from recipes import TINY, configured


def noise(count: int) -> Images:
    return np.random.default_rng(1).integers(0, 256, (count, 28, 28)).astype(np.uint8)


def changed(graph: Graph, change: Callable[[onnx.ModelProto], object]) -> Graph:
    proto = onnx.load_from_string(graph.serialized)
    change(proto)
    return Graph(proto.SerializeToString())


def expected(model: keras.Model, images: Images, temperature: float) -> np.ndarray:
    return calibration.folded(network.logits(model, images), 10, temperature)


def test_the_file_keeps_its_contract(graph: Graph) -> None:
    proto = onnx.load_from_string(graph.serialized)
    assert {opset.domain: opset.version for opset in proto.opset_import}[""] == 18
    [images], [probabilities] = graph.session.get_inputs(), graph.session.get_outputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", ["batch", 28, 28])
    assert (probabilities.name, probabilities.type) == ("probabilities", "tensor(float)")
    assert probabilities.shape == ["batch", 10]


def test_rows_are_probabilities(graph: Graph) -> None:
    answers = graph.probabilities(noise(50))
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("extreme", [np.zeros((1, 28, 28), np.uint8), np.full((1, 28, 28), 255, np.uint8)])
def test_blank_and_full_images_get_finite_answers(graph: Graph, extreme: Images) -> None:
    assert np.isfinite(graph.probabilities(extreme)).all()


def test_a_faithful_graph_passes(model: keras.Model, graph: Graph, drawn: LabelledImages) -> None:
    assert verify(graph, drawn.images, expected(model, drawn.images, 1.5)) <= 1e-5


@pytest.mark.parametrize("count", [1, 2, 5, 31, 32, 33, 257])
def test_an_image_is_answered_alike_alone_and_in_company(graph: Graph, count: int) -> None:
    images = noise(count)
    together = graph.probabilities(images, batch_size=count)
    alone = np.concatenate([graph.probabilities(image[None]) for image in images])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


def test_a_wrong_graph_is_caught(model: keras.Model, graph: Graph, drawn: LabelledImages) -> None:
    with pytest.raises(
        VerificationError, match=r"fails its parity check: probabilities .* apart; wanted at most 1e-05"
    ):
        verify(graph, drawn.images, expected(model, drawn.images, 1.0))


def test_another_digit_is_caught_even_where_probabilities_are_close() -> None:
    close = np.array([[0.5000001, 0.4999999]], np.float32)
    assert check_parity(close, close) == 0
    with pytest.raises(VerificationError, match="parity check: another digit for the same image"):
        check_parity(close, close[:, ::-1])


def test_answers_that_are_not_numbers_are_caught(graph: Graph) -> None:
    with pytest.raises(VerificationError, match="probabilities nan apart"):
        verify(graph, noise(2), np.full((2, 10), np.nan))


def test_a_graph_that_mixes_up_its_batch_is_caught() -> None:
    values = [
        onnx.helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["batch", 28, 28]),
        onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["batch", 10]),
    ]
    constants = [
        onnx.numpy_helper.from_array(value, name)
        for name, value in {
            "starts": np.array([0, 0]),
            "ends": np.array([1, 10]),
            "axes": np.array([1, 2]),
            "shape": np.array([-1, 10]),
        }.items()
    ]
    nodes = [
        onnx.helper.make_node("Slice", ["images", "starts", "ends", "axes"], ["row"]),
        onnx.helper.make_node("Reshape", ["row", "shape"], ["votes"]),
        onnx.helper.make_node("Cast", ["votes"], ["floats"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Softmax", ["floats"], ["probabilities"], axis=0),  # over the batch
    ]
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "mixed", values[:1], values[1:], constants),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
        ir_version=8,
    )
    with pytest.raises(VerificationError, match="batch of 2 check"):
        check_batches(Graph(proto.SerializeToString()), noise(40))


def _unnamed_batch(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "unk__12"


def _fixed_batch(proto: onnx.ModelProto) -> None:
    for tensor in (*proto.graph.input, *proto.graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_value = 1


@pytest.mark.parametrize("change", [_unnamed_batch, _fixed_batch])
def test_a_broken_promise_about_the_batch_is_caught(
    graph: Graph, change: Callable[[onnx.ModelProto], None]
) -> None:
    with pytest.raises(VerificationError, match=r"contract check: .*; wanted .*'batch'"):
        check_contract(changed(graph, change), 10)


def test_a_malformed_graph_is_caught(graph: Graph) -> None:
    proto = onnx.load_from_string(graph.serialized)
    proto.graph.node[0].op_type = "Nonsense"
    broken = Graph(graph.serialized)
    broken.serialized = proto.SerializeToString()
    with pytest.raises(VerificationError, match=r"ONNX check: .*Nonsense"):
        check_well_formed(broken)


def test_the_temperature_is_inside(model: keras.Model, graph: Graph) -> None:
    images = noise(20)
    sharper = Graph(export(model, 0.1, 10)).probabilities(images)
    assert (sharper.max(axis=1) > graph.probabilities(images).max(axis=1)).all()


@pytest.mark.parametrize("preset", names())
def test_every_presets_graph_answers_as_keras_does_in_every_batch(preset: str) -> None:
    """With statistics and weights as after some fit: at their first values normalisation does nothing."""
    config = configured("outliers.share=0.1", preset=preset)
    keras.utils.set_random_seed(3)
    model, random = network.build(config, 10), np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(weight * random.uniform(0.7, 1.4, weight.shape) + 0.05 * ("moving_mean" in weight.path))
    images = noise(300)
    graph = Graph(export(model, 1.3, 10))
    answers = calibration.folded(network.logits(model, images), 10, 1.3)
    assert verify(graph, images, answers) <= 1e-5


def test_what_is_none_of_the_classes_is_spread_over_all_of_them() -> None:
    config = configured("layers=[{kind='flatten'}]", "outliers.share=0.1")
    model = network.build(config, 10)
    model.set_weights([np.zeros((784, 11)), np.where(np.arange(11) == 10, 20.0, 0.0)])
    answers = Graph(export(model, 1.0, 10)).probabilities(noise(2))
    np.testing.assert_allclose(answers, 0.1, atol=1e-6)


def test_a_fit_in_half_precision_is_exported_in_full(drawn: LabelledImages) -> None:
    learner = Learner(configured("precision=mixed_bfloat16"), 10, len(drawn))
    expected = calibration.folded(network.logits(learner.result, drawn.images), 10)
    assert verify(Graph(export(learner.result, 1.0, 10)), drawn.images, expected) <= 1e-5


def test_as_many_answers_as_there_are_labels() -> None:
    graph = Graph(export(network.build(configured(TINY), 47), 1.0, 47))
    assert (graph.classes, graph.probabilities(noise(3)).shape) == (47, (3, 47))
