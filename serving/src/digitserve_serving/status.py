"""From an error to the status a caller sees: one table."""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2 as details_pb2
from google.rpc import status_pb2

from digitserve_serving import errors

Detail = Any  # a message of google.rpc.error_details_pb2, which has no types
DOMAIN = "digitserve"
DETAILS_KEY = "grpc-status-details-bin"
REQUEST_ID_KEY = "x-request-id"
INTERNAL_MESSAGE = "internal error; the server's log has it under this request id"

log = logging.getLogger(__name__)


def _bad_request(error: errors.InvalidRequest) -> Detail:
    violation = details_pb2.BadRequest.FieldViolation(field=error.field, description=error.problem)
    return details_pb2.BadRequest(field_violations=[violation])


def _resource_info(error: errors.ModelNotFound) -> Detail:
    return details_pb2.ResourceInfo(resource_type="model", resource_name=error.resource)


def _precondition_failure(error: errors.ModelFailed) -> Detail:
    violation = details_pb2.PreconditionFailure.Violation(
        type="MODEL_LOADED", subject=error.resource, description=error.reason
    )
    return details_pb2.PreconditionFailure(violations=[violation])


def _retry_info(error: errors.TryLater) -> Detail:
    delay = Duration()
    delay.FromNanoseconds(round(error.retry_after_s * 1e9))
    return details_pb2.RetryInfo(retry_delay=delay)


class Row(NamedTuple):
    """How one class of errors is answered."""

    code: grpc.StatusCode
    reason: str
    detail: Callable[..., Detail] | None


TABLE: dict[type[errors.ServingError], Row] = {
    errors.InvalidRequest: Row(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", _bad_request),
    errors.ModelNotFound: Row(grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", _resource_info),
    errors.ModelFailed: Row(grpc.StatusCode.FAILED_PRECONDITION, "MODEL_FAILED", _precondition_failure),
    errors.ModelLoading: Row(grpc.StatusCode.UNAVAILABLE, "MODEL_LOADING", _retry_info),
    errors.Draining: Row(grpc.StatusCode.UNAVAILABLE, "DRAINING", _retry_info),
    errors.QueueFull: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", _retry_info),
    errors.TooManyStreams: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", _retry_info),
    errors.DeadlineExpired: Row(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXPIRED", None),
}


class Status(NamedTuple):
    """What goes over the wire in place of an answer."""

    code: grpc.StatusCode
    message: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def status_of(error: Exception, request_id: str) -> Status:
    """Turns any error into a status; what is not in the table is logged and becomes INTERNAL."""
    row = TABLE.get(type(error))  # type: ignore[arg-type]  # any class may be looked up
    if row is None:
        log.error("request %s failed unexpectedly", request_id, exc_info=error)
        return _status(grpc.StatusCode.INTERNAL, "INTERNAL", INTERNAL_MESSAGE, request_id, None)
    detail = row.detail(error) if row.detail else None
    return _status(row.code, row.reason, str(error), request_id, detail)


def _status(
    code: grpc.StatusCode, reason: str, message: str, request_id: str, detail: Detail | None
) -> Status:
    rich = status_pb2.Status(code=code.value[0], message=message)
    rich.details.add().Pack(
        details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata={"request_id": request_id})
    )
    if detail is not None:
        rich.details.add().Pack(detail)
    metadata = ((DETAILS_KEY, rich.SerializeToString()), (REQUEST_ID_KEY, request_id))
    return Status(code, message, metadata)
