"""From an error to the problem details (RFC 9457) that a caller sees: one table."""

import dataclasses
import logging
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

import digitserve_client as client
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from digitserve_web import errors

MEDIA_TYPE = "application/problem+json"
UNEXPECTED = "the service failed unexpectedly; its log has more"
RETRY_AFTER_S = 1.0  # where nobody said when

log = logging.getLogger(__name__)

Facts = dict[str, Any]
"""Members of a problem beside those of the RFC."""


def _pictures(error: errors.UnreadablePictures) -> Facts:
    return {"pictures": [dataclasses.asdict(picture) for picture in error.pictures]}


def _call(error: client.CallError) -> Facts:
    facts = {"grpc_code": error.code, "reason": error.reason, "request_id": error.request_id}
    return {name: value for name, value in facts.items() if value}


def _later(error: Exception) -> Facts:
    retry_after_s = getattr(error, "retry_after_s", None)
    facts = _call(error) if isinstance(error, client.CallError) else {}
    return facts | {"retry_after_s": RETRY_AFTER_S if retry_after_s is None else retry_after_s}


class Kind(NamedTuple):
    """How one class of errors is answered. `slug` ends the problem's type, /problems/<slug>."""

    status: HTTPStatus
    slug: str
    title: str
    facts: Callable[..., Facts] | None = None


TABLE: dict[type[Exception], Kind] = {
    # Found here.
    errors.NoPicture: Kind(HTTPStatus.BAD_REQUEST, "no-picture", "No picture in the request"),
    errors.MalformedForm: Kind(HTTPStatus.BAD_REQUEST, "malformed-form", "The form cannot be read"),
    errors.WrongQuery: Kind(HTTPStatus.BAD_REQUEST, "wrong-query", "Unknown value in the address"),
    errors.NoDocument: Kind(HTTPStatus.NOT_FOUND, "no-document", "No such card or report here"),
    errors.UploadBroken: Kind(HTTPStatus.BAD_REQUEST, "upload-broken", "The request broke off"),
    errors.UploadTooSlow: Kind(HTTPStatus.REQUEST_TIMEOUT, "upload-too-slow", "The request came too slowly"),
    errors.BodyTooLarge: Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "Too many bytes"),
    errors.TooManyPictures: Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-many-pictures", "Too many pictures"
    ),
    errors.WrongBody: Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "wrong-body", "Another type of body is wanted"),
    errors.UnreadablePictures: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable-picture", "A picture cannot be read", _pictures
    ),
    errors.TooManyUploads: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "too-many-uploads", "Too many requests at once", _later
    ),
    # Said by the digit server, or by the client in front of it. What only the operator can mend is a 5xx.
    client.InvalidArgument: Kind(
        HTTPStatus.BAD_REQUEST, "invalid-argument", "The digit server refused the request", _call
    ),
    client.ModelNotFound: Kind(HTTPStatus.NOT_FOUND, "model-not-found", "No such model", _call),
    client.RequestTooLarge: Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request-too-large", "Too much for the digit server", _call
    ),
    client.ModelFailed: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "model-failed", "The model is not loaded", _call
    ),
    client.Unavailable: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "The digit server does not answer", _later
    ),
    client.Overloaded: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "The digit server is busy", _later),
    client.ClientClosed: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "The web service is stopping", _later
    ),
    client.DeadlineExceeded: Kind(
        HTTPStatus.GATEWAY_TIMEOUT, "deadline-exceeded", "The digit server did not answer in time", _call
    ),
    client.AccessDenied: Kind(
        HTTPStatus.BAD_GATEWAY, "access-denied", "The digit server refused this service", _call
    ),
    client.TlsFailed: Kind(HTTPStatus.BAD_GATEWAY, "tls-failed", "No TLS with the digit server", _call),
    client.Unsupported: Kind(
        HTTPStatus.BAD_GATEWAY, "unsupported", "The server behind is no digit server", _call
    ),
    client.ServerError: Kind(HTTPStatus.BAD_GATEWAY, "server-error", "The digit server failed", _call),
}

INTERNAL = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Unexpected failure")
KINDS = {kind.slug: kind for kind in (*TABLE.values(), INTERNAL)}


def answer(request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that failed. What is not in the table tells the caller nothing of itself."""
    if isinstance(error, HTTPException):
        return _problem({"title": error.detail, "status": error.status_code}, error.headers)
    kind = TABLE.get(type(error), INTERNAL)
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR and kind is not INTERNAL:  # uvicorn logs that one
        log.warning("%s %s: %s", request.method, request.url.path, error)
    facts = kind.facts(error) if kind.facts else {}
    detail = UNEXPECTED if kind is INTERNAL else str(error)
    body = {"type": f"/problems/{kind.slug}", "title": kind.title, "status": kind.status, "detail": detail}
    return _problem(body | facts)


def _problem(body: Facts, headers: Any = None) -> JSONResponse:
    headers = dict(headers or {}) | {"Cache-Control": "no-store"}
    if "retry_after_s" in body:
        headers["Retry-After"] = str(math.ceil(body["retry_after_s"]))
    return JSONResponse(body, body["status"], headers, MEDIA_TYPE)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    """In the event loop: Starlette would wait for a thread, which a service that stops has no time for."""
    return answer(request, error)


HANDLERS = dict.fromkeys((*TABLE, HTTPException, Exception), _answer)
"""For Starlette: the class of an error to what answers it."""
