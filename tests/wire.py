"""Talks to a server in plain messages, and takes its errors apart."""

from typing import Any, NamedTuple

import grpc
import grpc.aio
import numpy as np
import numpy.typing as npt
from digitserve.v1 import digit_service_pb2 as digits_pb2
from google.rpc import error_details_pb2, status_pb2

DETAILS = {
    f"google.rpc.{name}": getattr(error_details_pb2, name)
    for name in ("BadRequest", "ErrorInfo", "PreconditionFailure", "ResourceInfo", "RetryInfo")
}


class WireError(NamedTuple):
    """A failed call as a client sees it: the details by the short name of their type."""

    code: grpc.StatusCode
    message: str
    details: dict[str, Any]


def wire_error(error: Any) -> WireError:
    """Takes the grpc.RpcError of a sync or an asyncio call apart."""
    trailing = dict(error.trailing_metadata() or ())
    rich = status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b""))
    details = {}
    for packed in rich.details:
        name = packed.TypeName()
        details[name.removeprefix("google.rpc.")] = DETAILS[name].FromString(packed.value)
    return WireError(error.code(), error.details(), details)


async def error_of(call: Any) -> WireError:
    """Awaits a call that must fail."""
    try:
        response = await call
    except grpc.aio.AioRpcError as error:
        return wire_error(error)
    raise AssertionError(f"the call succeeded: {response}")


def one(image: npt.NDArray[np.uint8], name: str = "", version: str = "") -> digits_pb2.ClassifyImageRequest:
    """A ClassifyImage request."""
    model = digits_pb2.ModelSelector(name=name, version=version)
    return digits_pb2.ClassifyImageRequest(pixels=image.tobytes(), model=model)


def batch(pixels: bytes, *, probabilities: bool = False) -> digits_pb2.BatchClassifyImagesRequest:
    """A BatchClassifyImages request."""
    return digits_pb2.BatchClassifyImagesRequest(pixels=pixels, include_probabilities=probabilities)


def streamed(pixels: bytes) -> digits_pb2.StreamClassifyImagesRequest:
    """One request of a StreamClassifyImages call."""
    return digits_pb2.StreamClassifyImagesRequest(pixels=pixels)


async def next_digits(stream: Any) -> list[int]:
    """The digits of the next answer of a StreamClassifyImages call."""
    return list((await stream.read()).classifications.digits)
