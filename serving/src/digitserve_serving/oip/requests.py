"""Reads ModelInferRequest, strictly: what is not exactly right is refused, in words that say what is.

A field is called by its path, such as `inputs[0].shape`; what callers wrote is quoted, and cut.
"""

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from digitserve.inference import grpc_service_pb2 as pb

from digitserve_serving.errors import MAX_ECHOED, InvalidRequest
from digitserve_serving.oip.tensors import Described, ElementType

SHARED_MEMORY = {"shared_memory_region", "shared_memory_byte_size", "shared_memory_offset"}
SEQUENCES = {"sequence_id", "sequence_start", "sequence_end"}
CLASSES = {"classification"}
MAX_AXES = 8  # of a shape that is quoted
InputTensor = pb.ModelInferRequest.InferInputTensor
AS_NUMBERS = "binary_data"  # false: an output as numbers, not as bytes


def read_input(request: pb.ModelInferRequest, tensor: Described, max_rows: int) -> npt.NDArray[Any]:
    """The rows that a model's only input is sent with: (N, *tensor.dims), 1 <= N <= max_rows.

    Raises InvalidRequest.
    """
    _check_parameters(request.parameters, "parameters", SEQUENCES)
    sent = _only_input(request, tensor.name)
    _check_parameters(sent.parameters, "inputs[0].parameters", SHARED_MEMORY)
    if sent.datatype != tensor.elements.datatype:
        raise InvalidRequest(
            "inputs[0].datatype",
            f"is {_quoted(sent.datatype)}; {tensor.name!r} has {tensor.elements.datatype!r}",
        )
    shape = _shape(sent, tensor, max_rows)
    if raw := request.raw_input_contents:
        return _raw(raw, sent, tensor.elements, shape)
    return _numbers(sent.contents, tensor.elements, shape)


def wants_numbers(request: pb.ModelInferRequest, tensor: Described) -> bool:
    """Whether a model's only output is wanted as numbers and not as bytes. Raises InvalidRequest."""
    numbers = False
    for place, output in enumerate(request.outputs):
        field = f"outputs[{place}]"
        _check_name(output.name, f"{field}.name", tensor.name, "gives")
        _check_once(place, f"{field}.name", tensor.name)
        _check_parameters(output.parameters, f"{field}.parameters", SHARED_MEMORY | CLASSES)
        if AS_NUMBERS in output.parameters:
            choice = output.parameters[AS_NUMBERS]
            if choice.WhichOneof("parameter_choice") != "bool_param":
                raise InvalidRequest(f"{field}.parameters[{AS_NUMBERS!r}]", "is not a bool_param")
            numbers = not choice.bool_param
    return numbers


def _only_input(request: pb.ModelInferRequest, name: str) -> InputTensor:
    inputs = request.inputs
    if not inputs:
        raise InvalidRequest("inputs", f"is empty; the model takes {name!r}")
    for place, sent in enumerate(inputs):
        _check_name(sent.name, f"inputs[{place}].name", name, "takes")
        _check_once(place, f"inputs[{place}].name", name)
    return inputs[0]


def _check_name(sent: str, field: str, name: str, does: str) -> None:
    if sent != name:
        raise InvalidRequest(field, f"is {_quoted(sent)}; the model {does} {name!r}")


def _check_once(place: int, field: str, name: str) -> None:
    if place:
        raise InvalidRequest(field, f"is {name!r} again; each tensor is named once")


def _check_parameters(sent: Mapping[str, Any], field: str, refused: Container[str]) -> None:
    for name in sent:
        if name in refused:
            raise InvalidRequest(f"{field}[{name!r}]", "is nothing that this server can do; leave it out")


def _shape(sent: InputTensor, tensor: Described, max_rows: int) -> tuple[int, ...]:
    shape = tuple(sent.shape)
    if shape == tensor.dims:
        raise InvalidRequest(
            "inputs[0].shape",
            f"is {_listed(shape)}, without the batch axis; {_listed(tensor.shape)} is wanted:"
            f" {_listed((1, *tensor.dims))} for one row",
        )
    if shape[1:] != tensor.dims:
        raise InvalidRequest("inputs[0].shape", f"is {_listed(shape)}; {_listed(tensor.shape)} is wanted")
    if not 1 <= shape[0] <= max_rows:
        raise InvalidRequest(
            "inputs[0].shape",
            f"is {_listed(shape)}; 1 to {max_rows} rows are taken in one call, not {shape[0]}",
        )
    return shape


def _raw(
    raw: Sequence[bytes], sent: InputTensor, elements: ElementType, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    if len(raw) != 1:
        raise InvalidRequest("raw_input_contents", f"expected 1 entry for the 1 input, got {len(raw)}")
    if sent.HasField("contents"):
        raise InvalidRequest(
            "inputs[0].contents", "came beside raw_input_contents; the elements stand in one of the two"
        )
    content, dtype = raw[0], np.dtype(elements.dtype)
    wanted = math.prod(shape) * dtype.itemsize
    if len(content) != wanted:
        raise InvalidRequest(
            "raw_input_contents[0]",
            f"expected {wanted} bytes, got {len(content)}: {elements.datatype} {_listed(shape)}",
        )
    return np.frombuffer(content, dtype).reshape(shape)


def _numbers(
    contents: pb.InferTensorContents, elements: ElementType, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    field = f"inputs[0].contents.{elements.contents}"
    for other, _ in contents.ListFields():
        if other.name != elements.contents:
            raise InvalidRequest(
                "inputs[0].contents", f"has {other.name}; {elements.datatype} stands in {elements.contents}"
            )
    sent = getattr(contents, elements.contents)
    wanted = math.prod(shape)
    if len(sent) != wanted:
        raise InvalidRequest(
            field, f"expected {wanted} elements, got {len(sent)}: {elements.datatype} {_listed(shape)}"
        )
    return _in_range(np.array(sent), elements, field).reshape(shape)


def _in_range(numbers: npt.NDArray[Any], elements: ElementType, field: str) -> npt.NDArray[Any]:
    dtype = np.dtype(elements.dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        outside = (numbers < limits.min) | (numbers > limits.max)
        if outside.any():
            first = int(outside.argmax())
            raise InvalidRequest(
                f"{field}[{first}]",
                f"is {numbers[first]}; {elements.datatype} is {limits.min} to {limits.max}",
            )
    return numbers.astype(dtype)


def _quoted(text: str) -> str:
    return repr(text[:MAX_ECHOED])


def _listed(shape: tuple[int, ...]) -> str:
    text = ", ".join(map(str, shape[:MAX_AXES]))
    return f"[{text}, ...]" if len(shape) > MAX_AXES else f"[{text}]"
