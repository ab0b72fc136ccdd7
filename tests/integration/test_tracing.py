"""A call's spans, from the client's to those of the server's batches, over both transports."""

import asyncio
from collections.abc import Iterator

import grpc.aio
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from digitserve.inference import grpc_service_pb2_grpc as pb_grpc
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve_client import AsyncDigitClient, DigitClient, ModelNotFound, ServerError
from gate import Gate
from opentelemetry.trace import SpanKind, StatusCode
from server_in_process import Serving, free_port
from spans import Spans, facts, is_child, kept_spans
from tiny_model import image_of
from wire import batch, error_of, one, streamed

ONE, BATCH = "digitserve.v1.DigitService/ClassifyImage", "digitserve.v1.DigitService/BatchClassifyImages"
STREAM = "digitserve.v1.DigitService/StreamClassifyImages"
ANSWERED = {
    "rpc.response.status_code": "OK",
    "digitserve.model.name": "digits",
    "digitserve.model.version": "1",
}
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    with kept_spans(monkeypatch) as spans:
        yield spans


def of_caller(*, sampled: bool = True) -> grpc.aio.Metadata:
    """What another client sends with a call that it traces."""
    return grpc.aio.Metadata(("traceparent", f"00-{TRACE}-{CALLER}-{sampled:02x}"))


async def test_the_spans_of_a_call_are_one_tree(serving: Serving, spans: Spans) -> None:
    port = free_port()
    async with serving(port=port), AsyncDigitClient(f"127.0.0.1:{port}") as client:
        with spans.provider.get_tracer("test").start_as_current_span("application"):
            assert (await client.classify(image_of(7))).digit == 7
    asked, answered = spans.one(ONE, SpanKind.CLIENT), spans.one(ONE, SpanKind.SERVER)
    assert is_child(asked, spans.one("application"))
    assert is_child(answered, asked)
    assert answered.parent
    assert answered.parent.is_remote
    assert all(is_child(spans.one(part), answered) for part in ("queue", "run"))
    assert facts(asked) == {"rpc.response.status_code": "OK"}
    assert facts(answered) == ANSWERED | {"digitserve.rows": 1}
    assert facts(spans.one("run")) == {"digitserve.rows": 1, "digitserve.batch_rows": 1}
    assert len(spans.all()) == 5


async def test_calls_from_a_pool_of_threads_are_in_the_tree_as_well(serving: Serving, spans: Spans) -> None:
    port = free_port()
    images = [image_of(n % 10) for n in range(6)]

    def classify() -> list[int]:
        tracer = spans.provider.get_tracer("test")
        with (
            DigitClient(f"127.0.0.1:{port}", timeout_s=20) as client,
            tracer.start_as_current_span("application"),
        ):
            return [answer.digit for answer in client.classify_stream(images, batch_rows=2)]

    async with serving(port=port):
        assert await asyncio.to_thread(classify) == [0, 1, 2, 3, 4, 5]
    asked = spans.all(BATCH, SpanKind.CLIENT)
    assert len(asked) == 3
    assert all(is_child(span, spans.one("application")) for span in asked)
    for answered in spans.all(BATCH, SpanKind.SERVER):
        assert sum(is_child(answered, span) for span in asked) == 1


async def test_calls_that_run_together_say_so(serving: Serving, spans: Spans, gate: Gate) -> None:
    async with serving() as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        first = asyncio.ensure_future(stub.ClassifyImage(one(image_of(1))))
        await gate.entered()
        others = [asyncio.ensure_future(stub.BatchClassifyImages(batch(image_of(2).tobytes() * 3)))]
        others.append(asyncio.ensure_future(stub.BatchClassifyImages(batch(image_of(3).tobytes() * 100))))
        gate.open()
        await asyncio.gather(first, *others)
    rows = {facts(span)["digitserve.rows"]: span for span in spans.all(kind=SpanKind.SERVER)}
    assert set(rows) == {1, 3, 100}
    runs = {n: [run for run in spans.all("run") if is_child(run, span)] for n, span in rows.items()}
    assert [facts(run)["digitserve.batch_rows"] for run in runs[1]] == [1]
    assert sum(int(str(facts(run)["digitserve.rows"])) for run in runs[100]) == 100
    assert all(int(str(facts(run)["digitserve.batch_rows"])) <= 64 for run in runs[100])
    assert len(spans.all("queue")) == 3


async def test_a_stream_is_one_span_with_all_its_runs(serving: Serving, spans: Spans) -> None:
    requests = [streamed(image_of(digit).tobytes() * 2) for digit in range(3)]
    async with serving() as channel:
        stream = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(
            iter(requests), metadata=of_caller()
        )
        assert len([answer async for answer in stream]) == 3
    answered = spans.one(STREAM)
    assert facts(answered) == ANSWERED | {"digitserve.rows": 6}
    assert answered.context
    assert f"{answered.context.trace_id:032x}" == TRACE
    assert [is_child(run, answered) for run in spans.all("run")] == [True] * 3


async def test_the_open_inference_protocol_is_traced_alike(serving: Serving, spans: Spans) -> None:
    tensor = pb.ModelInferRequest.InferInputTensor(name="images", datatype="UINT8", shape=[1, 28, 28])
    request = pb.ModelInferRequest(
        model_name="digits", inputs=[tensor], raw_input_contents=[image_of(3).tobytes()]
    )
    async with serving() as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        await stub.ModelInfer(request, metadata=of_caller())
        await stub.ServerReady(pb.ServerReadyRequest(), metadata=of_caller())
    answered = spans.one("inference.GRPCInferenceService/ModelInfer")
    assert facts(answered) == ANSWERED | {"digitserve.rows": 1}
    for span in (answered, spans.one("inference.GRPCInferenceService/ServerReady")):
        assert span.parent
        assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, CALLER)


async def test_an_error_has_its_code_and_the_request_id_of_the_log(
    serving: Serving, spans: Spans, gate: Gate
) -> None:
    port = free_port()
    async with serving(port=port), AsyncDigitClient(f"127.0.0.1:{port}", model="letters") as stranger:
        with pytest.raises(ModelNotFound) as unknown:
            await stranger.classify(image_of(1))
        gate.error = RuntimeError("a secret")
        async with AsyncDigitClient(f"127.0.0.1:{port}") as client:
            with pytest.raises(ServerError) as internal:
                await client.classify(image_of(1))
    not_found, failed = spans.all(ONE, SpanKind.SERVER)
    for span, error in ((not_found, unknown), (failed, internal)):
        assert facts(span)["rpc.response.status_code"] == error.value.code
        assert facts(span)["digitserve.request_id"] == error.value.request_id
    assert not_found.status.status_code is StatusCode.UNSET  # the caller's fault
    assert failed.status.status_code is StatusCode.ERROR
    for span in spans.all(ONE, SpanKind.CLIENT):
        assert span.status.status_code is StatusCode.ERROR
    assert "a secret" not in "".join(span.to_json() for span in spans.all())


async def test_a_call_that_is_cancelled_has_a_span(serving: Serving, spans: Spans, gate: Gate) -> None:
    async with serving() as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        first = asyncio.ensure_future(stub.ClassifyImage(one(image_of(1))))
        await gate.entered()
        first.cancel()
        await asyncio.to_thread(spans.wait_for, ONE)
        gate.open()
    assert facts(spans.one(ONE)) == {"digitserve.rows": 1, "rpc.response.status_code": "CANCELLED"}


async def test_who_does_not_trace_a_call_is_not_traced(serving: Serving, spans: Spans) -> None:
    async with serving() as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        await stub.ClassifyImage(one(image_of(1)), metadata=of_caller(sampled=False))
        await error_of(stub.ClassifyImage(one(image_of(1)[1:]), metadata=of_caller(sampled=False)))
    assert spans.all() == []


async def test_no_image_is_in_a_span(serving: Serving, spans: Spans) -> None:
    async with serving() as channel:
        await digits_grpc.DigitServiceStub(channel).BatchClassifyImages(batch(image_of(5).tobytes() * 4))
    for span in spans.all():
        assert all(isinstance(value, str | int) for value in (span.attributes or {}).values())
        assert len(span.to_json()) < 2000
