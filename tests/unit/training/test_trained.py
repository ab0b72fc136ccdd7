"""Models that a recipe names: teachers, and networks for a second look."""

from pathlib import Path

import pytest
from digitserve_training.errors import TrainedError
from digitserve_training.graph import Graph
from digitserve_training.trained import graphs


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainedError, match=r"nobody: No such file or directory; wanted the folder of a"):
        graphs([str(tmp_path / "nobody")], 10)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"not a model")
    with pytest.raises(TrainedError, match=r"x.onnx is not a model that onnxruntime can load"):
        graphs([str(tmp_path / "x.onnx")], 10)


def test_a_model_of_other_classes_is_refused(tmp_path: Path, graph: Graph) -> None:
    (tmp_path / "model.onnx").write_bytes(graph.serialized)
    with pytest.raises(TrainedError, match=r"its answers are \['batch', 10\], for 26 classes"):
        graphs([str(tmp_path)], 26)
