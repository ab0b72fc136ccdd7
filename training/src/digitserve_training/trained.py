"""Models that are there already: teachers, and networks that look again."""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

from digitserve_training import repository
from digitserve_training.errors import TrainedError, VerificationError
from digitserve_training.graph import OPSET, Graph
from digitserve_training.verification import check_contract

GRAPH_FILE = "model.onnx"


def graphs(names: Sequence[str], classes: int, threads: int = 0) -> list[Graph]:
    """The graphs of folders of versions or runs, or of .onnx files; 0 threads are all cores.

    Raises TrainedError.
    """
    return [_graph(Path(name), classes, threads) for name in names]


def check_labels(names: Sequence[str], labels: Sequence[str]) -> None:
    """Raises TrainedError for one whose manifest names other classes, or in another order."""
    for path in map(Path, names):
        found = repository.labels_of(path.parent if path.name == GRAPH_FILE else path)
        if found and found != tuple(labels):
            raise TrainedError(path, f"it reads {', '.join(found)}, and the data are of {', '.join(labels)}")


def _graph(path: Path, classes: int, threads: int) -> Graph:
    file = path / GRAPH_FILE if path.is_dir() else path
    try:
        graph = Graph(file.read_bytes(), threads)
    except OSError as error:
        raise TrainedError(path, error.strerror or str(error)) from error
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
        raise TrainedError(path, f"{file.name} is not a model that onnxruntime can load") from error
    try:
        check_contract(graph, classes)
    except VerificationError as error:
        raise TrainedError(path, f"what goes in and out is {error.found}, for {classes} classes") from error
    model = onnx.load_from_string(graph.serialized)
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    if opsets.get("") != OPSET or any(node.domain for node in model.graph.node):
        raise TrainedError(path, f"its nodes are of {opsets}, and not of ONNX' opset {OPSET} alone")
    return graph
