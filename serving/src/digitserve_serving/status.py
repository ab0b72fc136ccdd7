"""From an error to the status a caller sees: one table."""

import functools
import itertools
import logging
import re
import secrets
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
REQUEST_ID = re.compile(r"[!-~]{1,128}")  # printable, and short enough to be logged
OF_THIS_PROCESS = secrets.token_hex(8)  # request ids are unique without asking the system each time
COUNTER = itertools.count()
INTERNAL_MESSAGE = "internal error; the server's log has it under this request id"

log = logging.getLogger(__name__)


def _bad_request(error: errors.InvalidRequest) -> Detail:
    violation = details_pb2.BadRequest.FieldViolation(field=error.field, description=error.problem)
    return details_pb2.BadRequest(field_violations=[violation])


def _resource_info(error: errors.ModelNotFound) -> Detail:
    return details_pb2.ResourceInfo(resource_type="model", resource_name=error.resource)


def _precondition_failure(
    error: errors.ModelFailed | errors.ModelNotLoaded | errors.ModelNotServed | errors.ControlRefused,
) -> Detail:
    violation = details_pb2.PreconditionFailure.Violation(
        type="MODEL_CONTROL" if isinstance(error, errors.ControlRefused) else "MODEL_LOADED",
        subject=error.resource,
        description=error.reason,
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
    errors.MessageTooLarge: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", None),
    errors.ModelNotFound: Row(grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", _resource_info),
    errors.ModelFailed: Row(grpc.StatusCode.FAILED_PRECONDITION, "MODEL_FAILED", _precondition_failure),
    errors.ModelNotLoaded: Row(
        grpc.StatusCode.FAILED_PRECONDITION, "MODEL_NOT_LOADED", _precondition_failure
    ),
    errors.ModelNotServed: Row(grpc.StatusCode.UNAVAILABLE, "MODEL_NOT_SERVED", _precondition_failure),
    errors.ControlRefused: Row(
        grpc.StatusCode.FAILED_PRECONDITION, "MODEL_CONTROL_REFUSED", _precondition_failure
    ),
    errors.Unauthenticated: Row(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED", None),
    errors.MissingScope: Row(grpc.StatusCode.PERMISSION_DENIED, "MISSING_SCOPE", None),
    errors.RateExceeded: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_EXCEEDED", _retry_info),
    errors.ModelControlOff: Row(grpc.StatusCode.PERMISSION_DENIED, "MODEL_CONTROL_OFF", None),
    errors.ModelLoading: Row(grpc.StatusCode.UNAVAILABLE, "MODEL_LOADING", _retry_info),
    errors.Draining: Row(grpc.StatusCode.UNAVAILABLE, "DRAINING", _retry_info),
    errors.QueueFull: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", _retry_info),
    errors.QueueSlow: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_SLOW", _retry_info),
    errors.OutOfMemory: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", _retry_info),
    errors.TooManyStreams: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", _retry_info),
    errors.StreamIdle: Row(grpc.StatusCode.DEADLINE_EXCEEDED, "STREAM_IDLE", None),
    errors.DeadlineExpired: Row(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXPIRED", None),
}


UNEXPECTED = Row(grpc.StatusCode.INTERNAL, "INTERNAL", None)
REASONS = (*dict.fromkeys(row.reason for row in TABLE.values()), UNEXPECTED.reason)


class Status(NamedTuple):
    """What goes over the wire in place of an answer."""

    code: grpc.StatusCode
    reason: str
    message: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


class ErrorStatus:
    """An error as callers see it: the same for all whom it meets, but for the id of their request.

    What is not in the table becomes INTERNAL.
    """

    def __init__(self, error: Exception) -> None:
        if isinstance(error, MemoryError):
            error = errors.OutOfMemory()
        self._error = error
        row = TABLE.get(type(error))  # type: ignore[arg-type]  # any class may be looked up
        self._unexpected = row is None
        self._row = row or UNEXPECTED
        self._message = str(error) if row else INTERNAL_MESSAGE
        self._around_id = functools.cache(self._split)

    def for_request(self, request_id: str) -> Status:
        """What the caller with this request id is told; logged, with the id, if it was not expected."""
        if self._unexpected:
            log.error(
                "request %s failed unexpectedly",
                request_id,
                exc_info=self._error,
                extra={"facts": {"request_id": request_id}},
            )
        before, after = self._around_id(len(request_id))
        details = b"".join((before, request_id.encode(), after))
        metadata = ((DETAILS_KEY, details), (REQUEST_ID_KEY, request_id))
        return Status(self._row.code, self._row.reason, self._message, metadata)

    def _split(self, length: int) -> tuple[bytes, bytes]:
        """A google.rpc.Status around a request id of this length: a thousand refusals are written as one."""
        placeholder = "\0" * length
        rich = status_pb2.Status(code=self._row.code.value[0], message=self._message)
        info = details_pb2.ErrorInfo(
            reason=self._row.reason, domain=DOMAIN, metadata={"request_id": placeholder}
        )
        rich.details.add().Pack(info)
        if self._row.detail:
            rich.details.add().Pack(self._row.detail(self._error))
        before, _, after = rich.SerializeToString().partition(placeholder.encode())
        return before, after


def status_of(error: Exception, request_id: str) -> Status:
    """What the caller with this request id is told of an error."""
    return ErrorStatus(error).for_request(request_id)


def request_id(sent: str) -> str:
    """The caller's request id when it is a decent one, else a new one."""
    return sent if REQUEST_ID.fullmatch(sent) else f"{OF_THIS_PROCESS}{next(COUNTER):016x}"
