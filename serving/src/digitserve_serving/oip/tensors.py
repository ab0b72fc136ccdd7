"""Tensors as the protocol describes them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from digitserve.inference import grpc_service_pb2 as pb

from digitserve_serving.manifest import Tensor

ANY_SIZE = -1  # of an axis


class ElementType(NamedTuple):
    """A type of elements, in the protocol's words."""

    datatype: str
    config: "pb.DataType.ValueType"
    contents: str  # the field of InferTensorContents that has such elements
    dtype: npt.DTypeLike


ELEMENT_TYPES = {
    "uint8": ElementType("UINT8", pb.TYPE_UINT8, "uint_contents", np.uint8),
    "float32": ElementType("FP32", pb.TYPE_FP32, "fp32_contents", np.float32),
}


class Described(NamedTuple):
    """A tensor of a model. `dims` are its axes but for the first, the batch."""

    name: str
    elements: ElementType
    dims: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """All axes, the batch of any size."""
        return (ANY_SIZE, *self.dims)


def described(tensor: Tensor) -> Described:
    """A tensor as the manifest has it."""
    return Described(tensor.name, ELEMENT_TYPES[tensor.dtype], tuple(int(size) for size in tensor.shape[1:]))
