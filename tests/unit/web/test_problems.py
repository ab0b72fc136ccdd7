"""The table of errors, and what callers see of those that are hard to bring about."""

import json

import digitserve_client
import digitserve_client.errors as client_errors
import pytest
from digitserve_client.errors import Facts
from digitserve_web import errors
from digitserve_web.problems import TABLE, answer
from error_tree import leaves
from starlette.requests import Request

# Never raised by the calls that the service makes, or only by a service that is installed wrongly.
NOT_CALLED = {client_errors.UnreadablePicture, client_errors.MissingExtra}
REQUEST = Request({"type": "http", "method": "GET", "path": "/", "headers": [], "server": ("test", 80)})


def test_every_error_stands_in_the_table() -> None:
    ours, the_clients = leaves(errors.WebError), leaves(digitserve_client.DigitserveError)
    assert ours | (the_clients - NOT_CALLED) == set(TABLE)


def test_each_kind_has_a_type_of_its_own() -> None:
    assert len({kind.slug for kind in TABLE.values()}) == len(TABLE)


def test_what_is_not_in_the_table_says_nothing_of_itself() -> None:
    response = answer(REQUEST, KeyError("/etc/secret"))
    assert response.status_code == 500
    assert b"secret" not in response.body


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (client_errors.InvalidArgument, 400),
        (client_errors.ModelNotFound, 404),
        (client_errors.RequestTooLarge, 413),
        (client_errors.AccessDenied, 502),
        (client_errors.Unsupported, 502),
        (client_errors.ServerError, 502),
        (client_errors.ModelFailed, 503),
        (client_errors.Unavailable, 503),
        (client_errors.Overloaded, 503),
        (client_errors.DeadlineExceeded, 504),
    ],
)
def test_a_failed_call_says_what_the_server_said(error: type[client_errors.CallError], status: int) -> None:
    response = answer(REQUEST, error("why", Facts(code="CODE", reason="REASON", request_id="id-7")))
    problem = json.loads(bytes(response.body))
    assert (response.status_code, problem["status"], problem["detail"]) == (status, status, "why")
    assert (problem["grpc_code"], problem["reason"], problem["request_id"]) == ("CODE", "REASON", "id-7")
    assert response.media_type == "application/problem+json"


def test_when_to_try_again_is_rounded_up_for_the_header() -> None:
    response = answer(REQUEST, client_errors.Overloaded("full", Facts(code="X", retry_after_s=0.25)))
    assert response.headers["retry-after"] == "1"
    assert json.loads(bytes(response.body))["retry_after_s"] == 0.25
