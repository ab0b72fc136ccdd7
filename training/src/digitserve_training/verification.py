"""The proof that the exported graph does what the network does, for every batch."""

import numpy as np
import numpy.typing as npt
import onnx

from digitserve_training.data import SIDE_PX, Images
from digitserve_training.errors import VerificationError
from digitserve_training.graph import BATCH, INPUT, OUTPUT, Graph, Probabilities

MOST_APART_FROM_KERAS = 1e-5
MOST_APART_BETWEEN_BATCHES = 1e-6
MOST_APART_BY_ROUNDING = 0.02
BATCH_SIZES = (2, 3, 7, 32, 100, 256)


def verify(graph: Graph, images: Images, expected: npt.NDArray[np.floating]) -> float:
    """Checks the graph against what the network answers to the images, uint8 (N, 28, 28).

    `expected` holds the network's probabilities (N, classes). Returns the largest difference from them.
    Raises VerificationError.
    """
    check_well_formed(graph)
    check_contract(graph, expected.shape[1])
    apart = check_parity(graph.probabilities(images), expected)
    check_batches(graph, images)
    return apart


def check_well_formed(graph: Graph) -> None:
    """What ONNX' own checker and its shape inference say."""
    try:
        onnx.checker.check_model(graph.serialized, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise VerificationError("ONNX", str(error).splitlines()[0], "a well-formed model") from error


def check_contract(graph: Graph, classes: int) -> None:
    """Names, types and shapes of what goes in and out."""
    contract = {
        INPUT: ("tensor(uint8)", [BATCH, SIDE_PX, SIDE_PX]),
        OUTPUT: ("tensor(float)", [BATCH, classes]),
    }
    tensors = (*graph.session.get_inputs(), *graph.session.get_outputs())
    found = {tensor.name: (tensor.type, tensor.shape) for tensor in tensors}
    if found != contract:
        raise VerificationError("contract", str(found), str(contract))


def check_parity(found: Probabilities, expected: npt.NDArray[np.floating]) -> float:
    """The same probabilities and the same digits as the network; returns the largest difference."""
    return _check_same("parity", found, expected, MOST_APART_FROM_KERAS)


def check_rounding(rounded: Graph, exact: Graph, images: Images) -> float:
    """About the same probabilities from rounded weights; returns the largest difference."""
    apart = float(np.abs(rounded.probabilities(images) - exact.probabilities(images)).max())
    if not apart <= MOST_APART_BY_ROUNDING:
        raise VerificationError(
            "weights as float16", f"probabilities {apart:.1e} apart", f"at most {MOST_APART_BY_ROUNDING:g}"
        )
    return apart


def check_batches(graph: Graph, images: Images) -> None:
    """The same answer to an image alone and at any place in a batch of any size."""
    alone = graph.probabilities(images, batch_size=1)
    for size in BATCH_SIZES:
        check = f"batch of {size}"
        _check_same(check, graph.probabilities(images, size), alone, MOST_APART_BETWEEN_BATCHES)
        _check_same(check, graph.probabilities(images[::-1], size)[::-1], alone, MOST_APART_BETWEEN_BATCHES)


def _check_same(
    check: str, found: npt.NDArray[np.floating], expected: npt.NDArray[np.floating], most_apart: float
) -> float:
    apart = float(np.abs(found - expected).max())
    if not apart <= most_apart:  # a NaN is not close either
        raise VerificationError(check, f"probabilities {apart:.1e} apart", f"at most {most_apart:.0e}")
    if not np.array_equal(found.argmax(axis=1), expected.argmax(axis=1)):
        raise VerificationError(check, "another digit for the same image", "the same digit")
    return apart
