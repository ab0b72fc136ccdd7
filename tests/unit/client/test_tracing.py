"""The spans of the client's calls: one for each, whatever became of it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from digitserve_client import AsyncDigitClient, Health, InvalidArgument
from digitserve_client.calls import Call, Calls
from digitserve_client.config import ClientConfig
from opentelemetry.trace import StatusCode
from spans import Spans, facts, kept_spans
from unit.client.conftest import Connect
from unit.client.driver import Driver
from unit.client.fake_server import LOADING, QUEUE_FULL, Failure, FakeServer, digit_images

ONE = "digitserve.v1.DigitService/ClassifyImage"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    with kept_spans(monkeypatch) as spans:
        yield spans


async def test_what_is_tried_again_is_an_event(spans: Spans, server: FakeServer, connect: Connect) -> None:
    server.fail("ClassifyImage", LOADING, QUEUE_FULL)
    assert (await connect(timeout_s=20).call("classify", digit_images(1)[0])).digit == 0
    span = spans.one(ONE)
    assert [event.name for event in span.events] == ["retry", "retry"]
    told: list[Any] = [event.attributes for event in span.events]
    assert [each["error.type"] for each in told] == ["MODEL_LOADING", "QUEUE_FULL"]
    assert [each["rpc.response.status_code"] for each in told] == ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]
    assert [each["digitserve.request_id"] for each in told] == ["r-1", "r-1"]
    assert all(each["digitserve.delay_s"] > 0 for each in told)
    assert facts(span) == {"rpc.response.status_code": "OK"}
    assert span.status.status_code is StatusCode.UNSET


async def test_a_call_that_fails_for_good_says_why(
    spans: Spans, server: FakeServer, connect: Connect
) -> None:
    server.fail("ClassifyImage", Failure(grpc.StatusCode.INVALID_ARGUMENT, "no", "INVALID_REQUEST"))
    with pytest.raises(InvalidArgument):
        await connect(timeout_s=20).call("classify", digit_images(1)[0])
    span = spans.one(ONE)
    assert span.status.status_code is StatusCode.ERROR
    assert facts(span) == {
        "rpc.response.status_code": "INVALID_ARGUMENT",
        "error.type": "INVALID_REQUEST",
        "digitserve.request_id": "r-1",
    }


async def test_every_attempt_carries_the_span(
    spans: Spans, server: FakeServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    begin = server._begin

    def note(rpc: str, request: Any, context: Any) -> int:
        sent.append(dict(context.invocation_metadata())["traceparent"].rpartition("-")[0])
        return begin(rpc, request, context)

    monkeypatch.setattr(server, "_begin", note)
    server.fail("ClassifyImage", LOADING)
    await connect(timeout_s=20).call("classify", digit_images(1)[0])
    context = spans.one(ONE).context
    assert context
    assert sent == [f"00-{context.trace_id:032x}-{context.span_id:016x}"] * 2


async def test_calls_that_are_sent_once_have_one_span(spans: Spans, connect: Connect) -> None:
    assert await connect(timeout_s=20).call("health") is Health.SERVING
    assert [span.name for span in spans.all()] == ["grpc.health.v1.Health/Check"]


async def test_a_call_that_is_cancelled_has_a_span(spans: Spans, server: FakeServer) -> None:
    server.hold()
    async with AsyncDigitClient(server.target, timeout_s=20) as client:
        call = asyncio.create_task(client.classify(digit_images(1)[0]))
        await asyncio.to_thread(server.wait_until, lambda: server.running == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert facts(spans.one(ONE)) == {"error.type": "CancelledError"}


async def test_a_stream_that_is_left_ends_the_spans_of_its_calls(
    spans: Spans, server: FakeServer, connect: Connect
) -> None:
    server.hold(unless=lambda request: request.pixels[0] == 0)
    stream = connect(timeout_s=20).stream(digit_images(8), batch_rows=1, in_flight=4)
    assert (await anext(stream)).digit == 0
    await stream.aclose()
    spans_ended = spans.all("BatchClassifyImages")
    assert facts(spans_ended[0]) == {"rpc.response.status_code": "OK"}
    assert all("error.type" in facts(span) for span in spans_ended[1:])


async def test_nothing_is_traced_where_no_provider_was_set(server: FakeServer, client: Driver) -> None:
    await client.call("classify", digit_images(1)[0])
    assert type(Calls(ClientConfig()).models(None)) is Call
