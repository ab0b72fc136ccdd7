"""A real ONNX model of a few nodes, whose answer can be told from the pixels by looking at them.

Pixel k of the first row votes for digit k: an image made by `image_of(7)` is a 7, and the strength of
the vote sets the confidence, so that every row of every answer can be traced back to its image. With a
`shift` pixel k votes for digit k + shift: so the answer tells which of two versions gave it.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

REVIEW_THRESHOLD = 0.9
SHARPNESS = 8.0  # votes of 255 give a confidence above, of 100 and less one below the threshold


def image_of(digit: int, vote: int = 255) -> npt.NDArray[np.uint8]:
    """An image, uint8 (28, 28), that the tiny model reads as `digit`."""
    image = np.zeros((28, 28), np.uint8)
    image[0, digit] = vote
    return image


def expected_probabilities(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """What the tiny model answers for images (N, 28, 28), computed here: float32 (N, 10)."""
    logits = images[:, 0, :10].astype(np.float32) / np.float32(255 / SHARPNESS)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def tiny_onnx(shift: int = 0) -> bytes:
    """The graph: images uint8 [batch, 28, 28] to probabilities float32 [batch, 10]."""
    nodes = [
        helper.make_node("Slice", ["images", "starts", "ends", "axes"], ["row"]),
        helper.make_node("Reshape", ["row", "flat"], ["unshifted"]),
        helper.make_node("Gather", ["unshifted", "places"], ["votes"], axis=1),
        helper.make_node("Cast", ["votes"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "scale"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    constants = {
        "starts": np.array([0, 0]),
        "ends": np.array([1, 10]),
        "axes": np.array([1, 2]),
        "flat": np.array([-1, 10]),
        "places": np.roll(np.arange(10), shift),
        "scale": np.float32(255 / SHARPNESS),
    }
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return model.SerializeToString()


def tiny_manifest(
    onnx_bytes: bytes, name: str = "digits", version: str = "1", shift: int = 0
) -> dict[str, Any]:
    """The manifest of the tiny model, valid against models/manifest.schema.json."""
    metrics = {"images": 10, "accuracy": 1.0, "cross_entropy": 0.003, "data_sha256": "0" * 64}
    golden = np.stack([image_of(digit) for digit in range(10)])
    return {
        "schema_version": 1,
        "name": name,
        "version": version,
        "created": "2026-01-01T00:00:00Z",
        "description": "Reads the digit off the first row of pixels; for tests.",
        "model": {
            "file": "model.onnx",
            "sha256": hashlib.sha256(onnx_bytes).hexdigest(),
            "size_bytes": len(onnx_bytes),
            "opset": 18,
        },
        "input": {"name": "images", "dtype": "uint8", "shape": ["batch", 28, 28]},
        "output": {"name": "probabilities", "dtype": "float32", "shape": ["batch", 10]},
        "labels": [str(digit) for digit in range(10)],
        "calibration": {"method": "none", "temperature": 1.0},
        "review": {
            "threshold": REVIEW_THRESHOLD,
            "promise": "None: this model is for tests.",
            "coverage": 1.0,
            "error_rate": 0.0,
        },
        "metrics": {"validation": metrics, "test": metrics},
        "golden_samples": [
            {"pixels": base64.b64encode(image.tobytes()).decode(), "probabilities": row.tolist()}
            for image, row in zip(golden, np.roll(expected_probabilities(golden), shift, axis=1), strict=True)
        ],
        "training": {
            "preset": "tiny",
            "parameters": 1,
            "seed": 0,
            "configuration": {},
            "libraries": {"onnx": onnx.__version__},
        },
    }


def write_tiny_model(repository: Path, name: str = "digits", version: str = "1", shift: int = 0) -> Path:
    """Writes the tiny model as one version of a model repository, at once; returns its folder."""
    folder, half = repository / name / version, repository / name / f".tmp-{version}"
    half.mkdir(parents=True)
    onnx_bytes = tiny_onnx(shift)
    (half / "model.onnx").write_bytes(onnx_bytes)
    (half / "manifest.json").write_text(json.dumps(tiny_manifest(onnx_bytes, name, version, shift)))
    return half.rename(folder)
