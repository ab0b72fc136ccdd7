"""Models that a recipe names: teachers, and networks that look again."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from digitserve_training.errors import TrainedError
from digitserve_training.graph import Graph
from digitserve_training.trained import graphs


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainedError, match=r"nobody: No such file or directory; wanted the folder of a"):
        graphs([str(tmp_path / "nobody")], 10)


@pytest.mark.parametrize("content", [b"not a model", b""])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(TrainedError, match=r"x.onnx is not a model that onnxruntime can load"):
        graphs([str(tmp_path / "x.onnx")], 10)


def test_a_model_of_other_classes_is_refused(tmp_path: Path, graph: Graph) -> None:
    (tmp_path / "model.onnx").write_bytes(graph.serialized)
    with pytest.raises(TrainedError, match=r"goes in and out is .*\['batch', 10\].*, for 26 classes"):
        graphs([str(tmp_path)], 26)


def _fixed_batch(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def _other_name(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].name = "x"
    for node in proto.graph.node:
        node.input[:] = ["x" if tensor == "images" else tensor for tensor in node.input]


def _two_outputs(proto: onnx.ModelProto) -> None:
    proto.graph.node.append(onnx.helper.make_node("Identity", ["probabilities"], ["again"]))
    proto.graph.output.append(onnx.helper.make_tensor_value_info("again", onnx.TensorProto.FLOAT, None))


def _other_domain(proto: onnx.ModelProto) -> None:
    proto.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    proto.graph.node.append(onnx.helper.make_node("Gelu", ["probabilities"], ["g"], domain="com.microsoft"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_fixed_batch, "what goes in and out is .*'images'.*1, 28, 28.*, for 10 classes; wanted the folder"),
        (_other_name, "what goes in and out is .*'x'"),
        (_two_outputs, "what goes in and out is .*'again'"),
        (_other_domain, "its nodes are of .*'com.microsoft': 1.*, and not of ONNX' opset 18 alone"),
    ],
)
def test_a_model_that_is_not_as_the_job_exports_them_is_refused(
    tmp_path: Path, graph: Graph, change: Callable[[onnx.ModelProto], None], message: str
) -> None:
    proto = onnx.load_from_string(graph.serialized)
    change(proto)
    (tmp_path / "x.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(TrainedError, match=message):
        graphs([str(tmp_path / "x.onnx")], 10)
