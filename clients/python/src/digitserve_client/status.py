"""From a failed gRPC call to an error of this package: one table.

The server sends `google.rpc` details in the trailing metadata. They are decoded here by hand: the
package that would do it, grpcio-status, is one dependency more for ten lines.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from digitserve_client import errors
from digitserve_client.connecting import tls_problem, unreachable
from digitserve_client.errors import CallError, Facts, FieldViolation

DOMAIN = "digitserve"
DETAILS_KEY = "grpc-status-details-bin"
REQUEST_ID_KEY = "x-request-id"

Detail = Any  # a message of google.rpc.error_details_pb2, which ships without types

ERRORS: dict[grpc.StatusCode, type[CallError]] = {
    # Nobody here cancels a call and then looks at its answer. Servers that stop cancel what they no
    # longer get to, which is as good as not having taken it.
    grpc.StatusCode.CANCELLED: errors.Unavailable,
    grpc.StatusCode.UNKNOWN: errors.ServerError,
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: errors.ModelNotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.ServerError,
    grpc.StatusCode.PERMISSION_DENIED: errors.AccessDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,  # or RequestTooLarge: see _error_type
    grpc.StatusCode.FAILED_PRECONDITION: errors.ModelFailed,
    grpc.StatusCode.ABORTED: errors.ServerError,
    grpc.StatusCode.OUT_OF_RANGE: errors.ServerError,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unsupported,
    grpc.StatusCode.INTERNAL: errors.ServerError,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.DATA_LOSS: errors.ServerError,
    grpc.StatusCode.UNAUTHENTICATED: errors.AccessDenied,
}


def error_from(
    failure: grpc.RpcError, *, target: str, timeout_s: float, secure: bool, knock: bool
) -> CallError:
    """The error a failed call raises.

    target: where the call went, for the message. timeout_s: the seconds the whole call had. secure: whether
    it went over TLS. knock: whether the message is worth a short wait (see `unreachable`).
    """
    code = failure.code()
    trailers: Any = failure.trailing_metadata() or ()  # pairs, whatever the stubs say
    facts, text = _facts(code, trailers), failure.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE and (message := tls_problem(text, target)):
        return errors.TlsFailed(message, facts)
    error_type = _error_type(code, facts)
    if code is grpc.StatusCode.UNAVAILABLE and not facts.reason:
        return error_type(unreachable(text, target, secure=secure, knock=knock), facts)
    return error_type(_message(error_type, facts, text, target, timeout_s), facts)


def _error_type(code: grpc.StatusCode, facts: Facts) -> type[CallError]:
    # gRPC itself uses this code for messages over the size limit; waiting does not make them smaller.
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and facts.retry_after_s is None:
        return errors.RequestTooLarge
    return ERRORS[code]


def _message(error_type: type[CallError], facts: Facts, text: str, target: str, timeout_s: float) -> str:
    if error_type is errors.DeadlineExceeded:
        return f"no answer from {target} within {timeout_s:g} s"
    if error_type is errors.Unsupported:
        return f"the server at {target} does not know this call ({text}): is it a Digitserve server?"
    if facts.code == "CANCELLED":
        return f"the server at {target} dropped the call: is it stopping?"
    if error_type is errors.ServerError and facts.request_id:
        text = f"{text} (request id {facts.request_id})"
    elif error_type is errors.RequestTooLarge:
        text = f"one call was larger than the server takes; send fewer images in it ({text})"
    return text or f"the server at {target} answered {facts.code} without a word"


def _facts(code: grpc.StatusCode, metadata: Iterable[tuple[str, Any]]) -> Facts:
    trailers = {key: value for key, value in metadata}  # noqa: C416  # aio's Metadata is no mapping
    details = tuple(_details(trailers.get(DETAILS_KEY, b"")))
    told: dict[str, Any] = {}
    for detail in details:
        told |= FACTS[type(detail)](detail)
    told.setdefault("request_id", trailers.get(REQUEST_ID_KEY, ""))
    return Facts(code=code.name, details=details, **told)


def _details(encoded: bytes) -> Iterator[Detail]:
    try:
        packed = status_pb2.Status.FromString(encoded).details
    except DecodeError:  # some proxy's idea of details; the code and the text are enough
        return
    for detail in packed:
        for message_type in FACTS:
            if detail.Is(message_type.DESCRIPTOR):
                yield message_type.FromString(detail.value)


def _error_info(info: Detail) -> dict[str, Any]:
    if info.domain != DOMAIN:
        return {}
    told = {"reason": info.reason}
    return told | {"request_id": info.metadata["request_id"]} if "request_id" in info.metadata else told


def _bad_request(bad: Detail) -> dict[str, Any]:
    violations = tuple(FieldViolation(each.field, each.description) for each in bad.field_violations)
    return {"field_violations": violations}


def _resource_info(info: Detail) -> dict[str, Any]:
    return {"resource": info.resource_name}


def _precondition_failure(failure: Detail) -> dict[str, Any]:
    return {"resource": failure.violations[0].subject} if failure.violations else {}


def _retry_info(info: Detail) -> dict[str, Any]:
    return {"retry_after_s": info.retry_delay.ToNanoseconds() / 1e9}


FACTS: dict[Any, Callable[[Detail], dict[str, Any]]] = {
    error_details_pb2.ErrorInfo: _error_info,
    error_details_pb2.BadRequest: _bad_request,
    error_details_pb2.ResourceInfo: _resource_info,
    error_details_pb2.PreconditionFailure: _precondition_failure,
    error_details_pb2.RetryInfo: _retry_info,
}
