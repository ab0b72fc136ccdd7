"""Tokens, over the wire of both transports."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from authority import Authority
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve_client import AccessDenied, DigitClient
from digitserve_serving.access import guard
from digitserve_serving.access.methods import ADMIN_METHODS, COUNTED_METHODS, OPEN_METHODS
from digitserve_serving.access.start import check_access
from digitserve_serving.settings import Settings
from integration.access.conftest import Tokens
from server_in_process import Serving
from server_process import ServerProcess
from tiny_model import image_of
from wire import WireError, batch, error_of, next_digits, one, streamed

IMAGE = image_of(7)
CLASSIFY = "/digitserve.v1.DigitService/ClassifyImage"
LOAD = "/digitserve.v1.ModelService/LoadModel"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
CLOSED_METHODS = sorted(COUNTED_METHODS - OPEN_METHODS)


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is looked at with every call."""
    monkeypatch.setattr(guard, "LOOK_AGAIN_S", 0.0)


def headers(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def error(channel: grpc.aio.Channel, method: str, metadata: Any = ()) -> WireError:
    """How a call of any method fails: that of a stream is a stream of one."""
    call: Any = channel.unary_unary(method)
    return await error_of(call(b"", metadata=metadata, timeout=20))


@pytest.mark.parametrize("method", [*CLOSED_METHODS, LOAD, REFLECTION, "/made.up/Method"])
async def test_without_a_token_nothing_is_answered(serving: Serving, tokens: Tokens, method: str) -> None:
    async with serving(tokens_file=tokens.path) as channel:
        failed = await error(channel, method)
    assert failed.code is grpc.StatusCode.UNAUTHENTICATED
    assert failed.details["ErrorInfo"].reason == "UNAUTHENTICATED"
    assert "a token is wanted" in failed.message


async def test_only_the_token_itself_is_taken(serving: Serving, tokens: Tokens) -> None:
    secret = tokens.secrets["app"]
    wrong = ["", "Bearer", "Bearer ", f"Basic {secret}", secret, f"Bearer {secret[:-1]}", f"Bearer {secret}x"]
    async with serving(tokens_file=tokens.path) as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        for value in wrong:
            failed = await error_of(stub.ClassifyImage(one(IMAGE), metadata=(("authorization", value),)))
            assert failed.code is grpc.StatusCode.UNAUTHENTICATED, value
            assert secret not in failed.message
        for scheme in ("Bearer", "bearer"):
            answer = await stub.ClassifyImage(one(IMAGE), metadata=(("authorization", f"{scheme} {secret}"),))
            assert answer.classification.digit == 7


async def test_health_needs_no_token(serving: Serving, tokens: Tokens) -> None:
    async with serving(tokens_file=tokens.path) as channel:  # it has waited for health to say SERVING
        for method in OPEN_METHODS:
            multicallable: Any = channel.unary_stream(method)
            call = multicallable(b"", timeout=20)
            assert await call.read() is not grpc.aio.EOF, method
            call.cancel()


async def test_a_token_opens_what_its_scope_names(serving: Serving, tokens: Tokens) -> None:
    app, ops = headers(tokens.secrets["app"]), headers(tokens.secrets["ops"])
    async with serving(tokens_file=tokens.path, admin=True) as channel:
        refused = [await error(channel, method, app) for method in sorted(ADMIN_METHODS)]
        refused += [await error(channel, method, ops) for method in (CLASSIFY, REFLECTION)]
        let_through = await error(channel, "/digitserve.v1.ModelService/NoSuchMethod", app)
        stub = digits_grpc.DigitServiceStub(channel)
        assert (await stub.ClassifyImage(one(IMAGE), metadata=app)).classification.digit == 7
    for failed in refused:
        assert failed.code is grpc.StatusCode.PERMISSION_DENIED
        assert failed.details["ErrorInfo"].reason == "MISSING_SCOPE"
    assert let_through.code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", sorted(ADMIN_METHODS))
async def test_admin_calls_are_off_unless_switched_on(serving: Serving, tokens: Tokens, method: str) -> None:
    async with serving() as channel:
        failures = [await error(channel, method)]
    async with serving(tokens_file=tokens.path) as channel:
        failures.append(await error(channel, method, headers(tokens.secrets["ops"])))
    for failed in failures:
        assert failed.code is grpc.StatusCode.PERMISSION_DENIED
        assert failed.message == "admin calls are switched off; start the server with --admin"


async def answered(channel: grpc.aio.Channel, token: str) -> grpc.StatusCode:
    """How a call with this token ends."""
    call = digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE), metadata=headers(token))
    return await call.code()


async def test_tokens_come_and_go_without_restart(
    serving: Serving, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tokens_file=tokens.path) as channel:
        assert await answered(channel, tokens.secrets["app"]) is grpc.StatusCode.OK
        new = tokens.add("new", "infer")
        assert await answered(channel, new) is grpc.StatusCode.OK
        tokens.remove("app")
        assert await answered(channel, tokens.secrets["app"]) is grpc.StatusCode.UNAUTHENTICATED
        tokens.path.write_text("tokens = [")
        assert await answered(channel, new) is grpc.StatusCode.OK
    assert "what was read before stays in force" in caplog.text


def check_rate(failed: WireError, retry_s: float) -> None:
    assert failed.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failed.details["ErrorInfo"].reason == "RATE_EXCEEDED"
    assert 0 < failed.details["RetryInfo"].retry_delay.ToNanoseconds() / 1e9 <= retry_s


async def test_a_token_has_a_rate_of_calls(serving: Serving, tokens: Tokens) -> None:
    slow = headers(tokens.add("slow", "infer", more="calls_per_s = 0.01\n"))
    async with serving(tokens_file=tokens.path) as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        await stub.ClassifyImage(one(IMAGE), metadata=slow)
        failed = await error_of(stub.ClassifyImage(one(IMAGE), metadata=slow))
        others = await error(channel, "/digitserve.v1.ModelService/GetModel", slow)
        assert await answered(channel, tokens.secrets["app"]) is grpc.StatusCode.OK
    check_rate(failed, 100)
    check_rate(others, 100)
    assert "0.01 calls per second" in failed.message


def test_workers_count_a_rate_together(repository: Path, tokens: Tokens, transport: str) -> None:
    slow = headers(tokens.add("slow", "infer", more="calls_per_s = 0.01\n"))
    flags = ["--workers", "2", "--transport", transport, "--tokens-file", str(tokens.path)]
    codes = Counter[grpc.StatusCode]()
    with ServerProcess(repository, *flags) as server:
        for _ in range(8):  # connections, which the kernel spreads
            with grpc.insecure_channel(server.target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
                stub = digits_grpc.DigitServiceStub(channel)
                codes[stub.ClassifyImage.future(one(IMAGE), metadata=slow, timeout=20).code()] += 1
    assert codes == {grpc.StatusCode.OK: 1, grpc.StatusCode.RESOURCE_EXHAUSTED: 7}


async def test_a_token_has_a_rate_of_images(serving: Serving, tokens: Tokens) -> None:
    slow = headers(tokens.add("slow", "infer", more="rows_per_s = 0.1\n"))
    async with serving(tokens_file=tokens.path) as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        answer = await stub.BatchClassifyImages(batch(IMAGE.tobytes() * 8), metadata=slow)
        failed = await error_of(stub.ClassifyImage(one(IMAGE), metadata=slow))
    assert len(answer.classifications.digits) == 8
    check_rate(failed, 81)
    assert "0.1 images per second" in failed.message


async def test_a_stream_waits_for_its_rate(serving: Serving, tokens: Tokens) -> None:
    slow = headers(tokens.add("slow", "infer", more="rows_per_s = 100\n"))
    async with serving(tokens_file=tokens.path) as channel:
        requests = [streamed(image_of(digit).tobytes() * 50) for digit in (1, 2, 3)]
        stream = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(
            iter(requests), metadata=slow, timeout=20
        )
        assert [await next_digits(stream) for _ in requests] == [[digit] * 50 for digit in (1, 2, 3)]


async def test_the_token_is_in_no_log(
    serving: Serving, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(tokens_file=tokens.path) as channel:
        for token in (tokens.secrets["app"], "dgs_" + "x" * 43):
            await answered(channel, token)
    logged = str([vars(record) for record in caplog.records])
    assert "UNAUTHENTICATED" in logged
    assert "dgs_" not in logged


@pytest.fixture
def server(repository: Path, transport: str, tokens: Tokens) -> ServerProcess:
    flags = ("--transport", transport, "--tokens-file", str(tokens.path), "--workers", "2")
    return ServerProcess(repository, *flags)


def test_the_client_shows_its_token(server: ServerProcess, tokens: Tokens) -> None:
    token = tokens.add("client", "infer", more="calls_per_s = 5\n")

    def connected(token: str | None) -> DigitClient:
        return DigitClient(server.target, timeout_s=20, token=token)

    with server, connected(token) as client, connected(None) as stranger, connected("wrong") as other:
        assert [client.classify(IMAGE).digit for _ in range(7)] == [7] * 7  # rides the rate out
        assert [answer.digit for answer in client.classify_stream([IMAGE])] == [7]
        assert stranger.health() == "SERVING"
        for refused, message in ((stranger, "a token is wanted"), (other, "not known to this server")):
            with pytest.raises(AccessDenied, match=message):
                refused.classify(IMAGE)
        assert server.stop() == 0
    assert token not in repr(client) + server.log


def test_tokens_in_the_clear_are_warned_of(
    tokens: Tokens, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    check_access(Settings(tokens_file=tokens.path))
    check_access(Settings(tokens_file=tokens.path, host="::1"))
    certificate, key = authority.server
    check_access(
        Settings(tokens_file=tokens.path, host="0.0.0.0", tls_certificate=certificate, tls_key=key)  # noqa: S104
    )
    assert "travel in the clear" not in caplog.text
    check_access(Settings(tokens_file=tokens.path, host="0.0.0.0"))  # noqa: S104
    assert "travel in the clear to 0.0.0.0" in caplog.text
