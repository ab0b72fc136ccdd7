"""What a failed call raises, by either client."""

import asyncio
import pickle
import threading
from typing import Any

import digitserve_client
import grpc
import pytest
from digitserve_client import (
    AccessDenied,
    CallError,
    ClientClosed,
    DeadlineExceeded,
    DigitserveError,
    FieldViolation,
    InvalidArgument,
    MissingExtra,
    ModelFailed,
    ModelNotFound,
    Overloaded,
    RequestTooLarge,
    RetryPolicy,
    ServerError,
    TryLater,
    Unavailable,
    UnreadablePicture,
    Unsupported,
)
from digitserve_client.connecting import unreachable
from digitserve_client.errors import Facts
from digitserve_client.status import ERRORS
from google.rpc import error_details_pb2 as details_pb2
from server_in_process import free_port
from unit.client.conftest import Connect
from unit.client.driver import Driver
from unit.client.fake_server import LOADING, QUEUE_FULL, Failure, FakeServer, digit_images

ONCE = RetryPolicy(attempts=1)
IMAGE = digit_images(1)[0]
BAD_REQUEST = details_pb2.BadRequest(
    field_violations=[details_pb2.BadRequest.FieldViolation(field="pixels", description="783 bytes")]
)
RESOURCE = details_pb2.ResourceInfo(resource_type="model", resource_name="digits/7")
PRECONDITION = details_pb2.PreconditionFailure(
    violations=[details_pb2.PreconditionFailure.Violation(type="MODEL_LOADED", subject="digits/3")]
)
S = grpc.StatusCode

ROWS: list[tuple[Failure, type[CallError], dict[str, Any]]] = [
    (
        Failure(S.INVALID_ARGUMENT, "pixels: 783 bytes", "INVALID_REQUEST", (BAD_REQUEST,)),
        InvalidArgument,
        {"field_violations": (FieldViolation("pixels", "783 bytes"),), "reason": "INVALID_REQUEST"},
    ),
    (
        Failure(S.NOT_FOUND, "there is no model 'digits/7'", "MODEL_NOT_FOUND", (RESOURCE,)),
        ModelNotFound,
        {"resource": "digits/7", "details": "ResourceInfo"},
    ),
    (
        Failure(S.FAILED_PRECONDITION, "could not be loaded", "MODEL_FAILED", (PRECONDITION,)),
        ModelFailed,
        {"resource": "digits/3"},
    ),
    (LOADING, Unavailable, {"retry_after_s": 0.001, "reason": "MODEL_LOADING"}),
    (QUEUE_FULL, Overloaded, {"retry_after_s": 0.001, "reason": "QUEUE_FULL"}),
    (Failure(S.RESOURCE_EXHAUSTED, "message larger than max"), RequestTooLarge, {"reason": ""}),
    (
        Failure(S.INTERNAL, "internal error", "INTERNAL", request_id="r-42"),
        ServerError,
        {"request_id": "r-42"},
    ),
    (Failure(S.UNKNOWN, "what?"), ServerError, {"code": "UNKNOWN"}),
    (Failure(S.CANCELLED, "dropped the call"), Unavailable, {}),
    (Failure(S.UNAUTHENTICATED, "who are you?"), AccessDenied, {}),
    (Failure(S.PERMISSION_DENIED, "not you"), AccessDenied, {}),
    (Failure(S.UNIMPLEMENTED, "no such method"), Unsupported, {}),
]


@pytest.mark.parametrize(("failure", "error_type", "facts"), ROWS, ids=lambda value: str(value)[:60])
async def test_each_row_of_the_table(
    connect: Connect, server: FakeServer, failure: Failure, error_type: type[CallError], facts: dict[str, Any]
) -> None:
    server.fail("ClassifyImage", failure)
    with pytest.raises(CallError) as raised:
        await connect(retry=ONCE).call("classify", IMAGE)
    error = raised.value
    assert type(error) is error_type
    assert error.code == facts.pop("code", failure.code.name)
    assert failure.message in str(error)
    detail = facts.pop("details", None)
    assert detail is None or detail in [type(each).__name__ for each in error.details]
    assert {name: getattr(error, name) for name in facts} == facts
    assert isinstance(error.__cause__, grpc.RpcError)


def test_every_code_has_an_error() -> None:
    assert set(ERRORS) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


def test_every_error_is_public_and_below_one_base() -> None:
    for error_type in {*ERRORS.values(), RequestTooLarge, TryLater}:
        assert issubclass(error_type, DigitserveError)
        assert error_type.__name__ in digitserve_client.__all__


async def test_an_internal_error_names_the_request(client: Driver, server: FakeServer) -> None:
    server.fail("ClassifyImage", Failure(S.INTERNAL, "internal error", "INTERNAL", request_id="r-42"))
    with pytest.raises(ServerError, match=r"internal error \(request id r-42\)"):
        await client.call("classify", IMAGE)


@pytest.mark.parametrize("rpc", ["classify", "classify_batch", "models", "model"])
async def test_every_call_maps_its_errors(client: Driver, server: FakeServer, rpc: str) -> None:
    for name in ("ClassifyImage", "BatchClassifyImages", "ListModels", "GetModel"):
        server.fail(name, Failure(S.NOT_FOUND, "no such model", "MODEL_NOT_FOUND"))
    with pytest.raises(ModelNotFound):
        await client.call(rpc, *([IMAGE] if rpc.startswith("classify") else []))


async def test_details_that_make_no_sense_do_no_harm(client: Driver, server: FakeServer) -> None:
    class Garbled(Failure):
        def trailers(self) -> tuple[tuple[str, Any], ...]:
            return (("grpc-status-details-bin", b"\xff\xff\xff"),)

    server.fail("ClassifyImage", Garbled(S.NOT_FOUND, "no such model"))
    with pytest.raises(ModelNotFound, match="no such model") as raised:
        await client.call("classify", IMAGE)
    assert raised.value.details == ()


async def test_details_of_another_domain_are_not_taken_for_ours(client: Driver, server: FakeServer) -> None:
    other = details_pb2.ErrorInfo(reason="QUOTA", domain="googleapis.com")
    server.fail("ClassifyImage", Failure(S.PERMISSION_DENIED, "no", "OURS", (other,)))
    with pytest.raises(AccessDenied) as raised:
        await client.call("classify", IMAGE)
    assert raised.value.reason == "OURS"
    assert len(raised.value.details) == 2


async def test_a_dead_target_is_named_with_what_to_do(connect: Connect) -> None:
    target = f"127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable) as raised:
        await connect(target, retry=ONCE).call("classify", IMAGE)
    assert str(raised.value) == (
        f"no server answers at {target}: is it running there? (`make serve` starts one)"
    )
    assert raised.value.retry_after_s is None


def test_a_target_without_a_port_is_told_so() -> None:
    said = unreachable("", "digits.example", secure=False, knock=False)
    assert said.startswith("no server answers at digits.example, port 443, as the target names no other")


def test_a_certificate_that_does_not_help_is_doubted() -> None:
    said = unreachable("last error: Socket closed", "digits.example:443", secure=True, knock=False)
    assert "does it want a client certificate, or another, or its own key" in said


async def test_who_takes_connections_is_found_out_once_and_beside_the_event_loop(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def opens(_target: str) -> bool:
        threads.append(threading.get_ident())
        return False

    monkeypatch.setattr("digitserve_client.connecting._opens", opens)
    with pytest.raises(Unavailable):
        await connect(f"127.0.0.1:{free_port()}", retry=RetryPolicy(attempts=3)).call("classify", IMAGE)
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_health_does_not_ride_out_a_dead_target(connect: Connect) -> None:
    with pytest.raises(Unavailable):
        await connect(f"127.0.0.1:{free_port()}", timeout_s=3600).call("health")


async def test_no_answer_in_time(connect: Connect, server: FakeServer) -> None:
    server.hold()
    with pytest.raises(DeadlineExceeded, match=rf"no answer from {server.target} within 0\.05 s"):
        await connect().call("classify", IMAGE, timeout_s=0.05)


async def test_more_bytes_than_the_channel_takes(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, server: FakeServer
) -> None:
    options = (("grpc.max_send_message_length", 1000),)
    monkeypatch.setattr("digitserve_client.channel.OPTIONS", options)
    with pytest.raises(RequestTooLarge):
        await connect().call("classify_batch", digit_images(10))
    assert not server.requests


async def test_a_closed_client_says_so(client: Driver) -> None:
    await client.call("classify", IMAGE)
    await client.close()
    await client.close()
    with pytest.raises(ClientClosed):
        await client.call("classify", IMAGE)
    with pytest.raises(ClientClosed):
        await anext(client.stream([IMAGE]))
    assert repr(client.client).endswith(", closed>")


@pytest.mark.parametrize("retry", [RetryPolicy(), ONCE], ids=["tried again", "tried once"])
async def test_closing_ends_the_calls_under_way(
    connect: Connect, server: FakeServer, retry: RetryPolicy
) -> None:
    client = connect(timeout_s=20, retry=retry)
    server.hold()
    call = asyncio.create_task(client.call("classify", IMAGE))
    stream = asyncio.create_task(anext(client.stream([IMAGE])))
    await asyncio.to_thread(server.wait_until, lambda: server.running == 2)
    await client.close()
    for each in (call, stream):
        with pytest.raises(ClientClosed):
            await each


@pytest.mark.parametrize(
    "error",
    [
        UnreadablePicture("seven.png", "blank"),
        MissingExtra("images", "reading pictures"),
        ClientClosed(),
        InvalidArgument("no", Facts(code="INVALID_ARGUMENT", field_violations=(FieldViolation("a", "b"),))),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_a_process_pool(error: DigitserveError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
