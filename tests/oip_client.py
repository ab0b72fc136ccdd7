"""Asks any server of the Open Inference Protocol for what any model takes and gives."""

import math
from typing import Any, NamedTuple

import grpc
import numpy as np
import numpy.typing as npt
from digitserve.inference import grpc_service_pb2 as pb
from digitserve.inference import grpc_service_pb2_grpc as pb_grpc
from wire import WireError, wire_error

TIMEOUT_S = 20.0
ANY_SIZE = -1

Tensor = pb.ModelMetadataResponse.TensorMetadata


class Elements(NamedTuple):
    """How numpy has the elements of a datatype, and which field has them as numbers."""

    dtype: npt.DTypeLike
    contents: str


ELEMENTS = {
    "BOOL": Elements(np.bool_, "bool_contents"),
    "UINT8": Elements(np.uint8, "uint_contents"),
    "UINT16": Elements(np.uint16, "uint_contents"),
    "UINT32": Elements(np.uint32, "uint_contents"),
    "UINT64": Elements(np.uint64, "uint64_contents"),
    "INT8": Elements(np.int8, "int_contents"),
    "INT16": Elements(np.int16, "int_contents"),
    "INT32": Elements(np.int32, "int_contents"),
    "INT64": Elements(np.int64, "int64_contents"),
    "FP32": Elements(np.float32, "fp32_contents"),
    "FP64": Elements(np.float64, "fp64_contents"),
}


class OipClient:
    """A server, and what one of its models takes and gives."""

    def __init__(self, channel: grpc.Channel, model: str) -> None:
        self.stub = pb_grpc.GRPCInferenceServiceStub(channel)
        self.model = model

    def call(self, method: str, request: Any) -> Any:
        """Calls a unary rpc, which must succeed."""
        return getattr(self.stub, method)(request, timeout=TIMEOUT_S)

    def error(self, method: str, request: Any) -> WireError:
        """Calls a unary rpc, which must fail."""
        try:
            response = self.call(method, request)
        except grpc.RpcError as error:
            return wire_error(error)
        raise AssertionError(f"the call succeeded: {response}")

    def stream(self, *requests: pb.ModelInferRequest) -> list[pb.ModelStreamInferResponse]:
        """The answers to a stream of requests."""
        return list(self.stub.ModelStreamInfer(iter(requests), timeout=TIMEOUT_S))

    def metadata(self) -> pb.ModelMetadataResponse:
        """What the model takes and gives."""
        metadata = self.call("ModelMetadata", pb.ModelMetadataRequest(name=self.model))
        assert isinstance(metadata, pb.ModelMetadataResponse)
        return metadata

    def request(self, rows: int = 1, **fields: Any) -> pb.ModelInferRequest:
        """A request with raw contents, all of them zero, for this many rows where the model takes any."""
        request = pb.ModelInferRequest(model_name=self.model, **fields)
        for tensor in self.metadata().inputs:
            shape = shape_of(tensor, rows)
            request.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=shape)
            request.raw_input_contents.append(bytes(size_bytes(tensor.datatype, shape)))
        return request

    def request_of_numbers(self, rows: int = 1) -> pb.ModelInferRequest:
        """The same with contents that are numbers."""
        request = self.request(rows)
        for sent in request.inputs:
            contents = getattr(sent.contents, ELEMENTS[sent.datatype].contents)
            contents.extend([0] * math.prod(sent.shape))
        del request.raw_input_contents[:]
        return request


def shape_of(tensor: Tensor, rows: int) -> list[int]:
    """A shape that the tensor may have, with this many rows if that is free."""
    first, *others = tensor.shape
    free = first == ANY_SIZE
    return [rows if free else first, *(1 if size == ANY_SIZE else size for size in others)]


def size_bytes(datatype: str, shape: list[int]) -> int:
    """What the elements take as bytes."""
    return math.prod(shape) * np.dtype(ELEMENTS[datatype].dtype).itemsize


def arrays(response: pb.ModelInferResponse) -> dict[str, npt.NDArray[Any]]:
    """The outputs by name, from their raw contents."""
    outputs = zip(response.outputs, response.raw_output_contents, strict=True)
    return {
        output.name: np.frombuffer(raw, ELEMENTS[output.datatype].dtype).reshape(list(output.shape))
        for output, raw in outputs
    }
