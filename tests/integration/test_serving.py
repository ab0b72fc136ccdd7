"""A real server under many callers, and callers that go away."""

import asyncio
import tempfile
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import pytest
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve.v1 import model_service_pb2_grpc as models_grpc
from digitserve_serving.server import serve
from digitserve_serving.services import DIGIT_SERVICE, INFERENCE_SERVICE, MODEL_SERVICE
from digitserve_serving.settings import Settings
from digitserve_serving.stopping import REFUSING_S
from digitserve_serving.streams import READ_AHEAD
from digitserve_serving.transport import TransportError
from gate import Gate
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from server_in_process import Serving, free_port
from tiny_model import expected_probabilities, image_of, write_tiny_model
from wire import batch, next_digits, one, streamed

IMAGES = np.stack([image_of(digit, vote) for vote in range(60, 256) for digit in range(10)])


async def test_one_image_gets_a_readable_answer(serving: Serving) -> None:
    async with serving() as channel:
        response = await digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(7)))
    answer = response.classification
    assert (answer.digit, answer.label, answer.needs_review) == (7, "7", False)
    np.testing.assert_allclose(answer.probabilities, expected_probabilities(image_of(7)[None])[0], rtol=1e-5)
    assert answer.confidence == answer.probabilities[7]
    assert (response.model.name, response.model.version) == ("digits", "1")


async def test_a_batch_gets_columns_and_its_doubtful_rows(serving: Serving) -> None:
    images = np.stack([image_of(3), image_of(5, 100), image_of(8)])
    async with serving() as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        short = (await stub.BatchClassifyImages(batch(images.tobytes()))).classifications
        long = (await stub.BatchClassifyImages(batch(images.tobytes(), probabilities=True))).classifications
    assert list(short.digits) == [3, 5, 8]
    assert list(short.needs_review_indices) == [1]
    assert not short.probabilities
    probabilities = np.reshape(long.probabilities, (3, 10))
    np.testing.assert_allclose(probabilities, expected_probabilities(images), rtol=1e-5)
    np.testing.assert_allclose(short.confidences, probabilities.max(axis=1), rtol=1e-6)


async def test_two_hundred_concurrent_callers_each_get_their_own_rows(serving: Serving) -> None:
    async with serving() as channel:
        stub = digits_grpc.DigitServiceStub(channel)

        async def caller(number: int) -> None:
            for turn in range(3):
                mine = IMAGES[(number * 7 + turn) % 1900 :][: 1 + number % 5]
                response = await stub.BatchClassifyImages(batch(mine.tobytes(), probabilities=True))
                found = np.reshape(response.classifications.probabilities, (-1, 10))
                np.testing.assert_allclose(found, expected_probabilities(mine), rtol=1e-5)

        await asyncio.gather(*(caller(number) for number in range(200)))


async def test_calls_that_come_together_are_run_together(serving: Serving, gate: Gate) -> None:
    async with serving() as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        calls = [asyncio.ensure_future(stub.ClassifyImage(one(image_of(0))))]
        await gate.entered()
        calls += [asyncio.ensure_future(stub.ClassifyImage(one(image_of(digit)))) for digit in range(1, 10)]
        stream = stub.StreamClassifyImages(iter([streamed(image_of(4).tobytes())]))
        await asyncio.sleep(0.2)  # nothing tells a client that its call stands in the queue
        gate.open()
        answers = await asyncio.gather(*calls)
        assert await next_digits(stream) == [4]
    assert [answer.classification.digit for answer in answers] == list(range(10))
    assert gate.rows == [1, 10]


@pytest.mark.parametrize("victim", range(4))
async def test_cancel_one_of_four_batched_calls_and_three_still_answer(
    serving: Serving, gate: Gate, victim: int
) -> None:
    async with serving() as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        first = asyncio.ensure_future(stub.ClassifyImage(one(image_of(9))))
        await gate.entered()
        calls = [stub.ClassifyImage(one(image_of(digit))) for digit in range(4)]
        await asyncio.sleep(0.1)
        calls[victim].cancel()
        await asyncio.sleep(0.1)
        gate.open()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        await first
    assert isinstance(answers.pop(victim), asyncio.CancelledError)
    digits = [getattr(answer, "classification").digit for answer in answers]  # noqa: B009
    assert digits == [digit for digit in range(4) if digit != victim]
    assert sum(gate.rows) == 4, "the cancelled call must not run"


async def test_a_client_that_disconnects_in_mid_batch_disturbs_no_other(serving: Serving, gate: Gate) -> None:
    port = free_port()
    async with serving(port=port, max_batch_rows=64) as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        first = asyncio.ensure_future(stub.ClassifyImage(one(image_of(9))))
        await gate.entered()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as leaving:
            lost = digits_grpc.DigitServiceStub(leaving).BatchClassifyImages(batch(IMAGES[:50].tobytes()))
            others = [asyncio.ensure_future(stub.ClassifyImage(one(image_of(d)))) for d in range(5)]
            await asyncio.sleep(0.2)
            gate.pass_one()
            await gate.entered()
            assert gate.rows == [1, 55], "the leaver and the others run in one batch"
        with pytest.raises(asyncio.CancelledError):
            await lost
        gate.open()
        answers = await asyncio.gather(first, *others)
        again = await stub.ClassifyImage(one(image_of(3)))
    assert [answer.classification.digit for answer in answers] == [9, 0, 1, 2, 3, 4]
    assert again.classification.digit == 3


async def test_a_stream_answers_each_batch_before_the_next_is_sent(serving: Serving) -> None:
    async with serving() as channel:
        call = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(timeout=20)
        for digit in (3, 1, 4, 1, 5):
            await call.write(streamed(image_of(digit).tobytes() * 2))
            assert await next_digits(call) == [digit, digit]
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_larger_than_the_queue_is_slowed_down_not_refused(serving: Serving) -> None:
    batches = [IMAGES[start : start + 16] for start in range(0, 1600, 16)]
    async with serving(max_queue_rows=16, max_rows_per_call=16) as channel:
        requests = iter([streamed(images.tobytes()) for images in batches])
        call = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(requests, timeout=20)
        digits = [digit async for response in call for digit in response.classifications.digits]
    assert digits == [row % 10 for row in range(1600)]


async def test_streams_of_single_images_wait_where_a_call_would_wait_too_long(
    serving: Serving, gate: Gate
) -> None:
    async with serving(max_queue_wait_ms=1, max_batch_rows=2) as channel:
        gate.shut()
        stub = digits_grpc.DigitServiceStub(channel)
        full = asyncio.ensure_future(stub.BatchClassifyImages(batch(IMAGES[:2].tobytes())))
        await gate.entered()
        await asyncio.sleep(0.1)  # so long it takes at least: that is the pace from now on
        gate.pass_one()
        await full
        streams = [
            stub.StreamClassifyImages(iter([streamed(image_of(d).tobytes()) for d in range(10)]), timeout=20)
            for _ in range(8)
        ]
        await gate.entered()
        late = stub.StreamClassifyImages(iter([streamed(image_of(9).tobytes())]), timeout=0.2)
        assert await late.code() is grpc.StatusCode.DEADLINE_EXCEEDED, "it waits until its time is over"
        gate.open()
        for stream in streams:
            assert [d async for answer in stream for d in answer.classifications.digits] == list(range(10))


async def test_a_stream_is_read_only_a_little_ahead(serving: Serving, gate: Gate) -> None:
    async with serving(max_batch_rows=1) as channel:
        gate.shut()
        stub = digits_grpc.DigitServiceStub(channel)
        call = stub.StreamClassifyImages(iter([streamed(image_of(d).tobytes()) for d in range(10)]))
        reading = asyncio.ensure_future(next_digits(call))
        await gate.entered()
        single = asyncio.ensure_future(stub.ClassifyImage(one(image_of(9))))
        await asyncio.sleep(0.2)
        gate.open()
        assert (await single).classification.digit == 9
        assert await reading == [0]
        assert [await next_digits(call) for _ in range(9)] == [[digit] for digit in range(1, 10)]
    order = [int(rows[0, 0, :10].argmax()) for rows in gate.batches]
    assert order.index(9) <= READ_AHEAD, "the single call came before what the stream had not sent"


async def test_models_are_listed_with_what_they_promise(serving: Serving, repository: Path) -> None:
    write_tiny_model(repository, "digits", "10")
    write_tiny_model(repository, "digits", "9")
    write_tiny_model(repository, "letters", "2")
    (repository / "digits" / ".tmp-11").mkdir()
    async with serving() as channel:
        stub = models_grpc.ModelServiceStub(channel)
        listed = (await stub.ListModels(models_pb2.ListModelsRequest())).models
        default = (await stub.GetModel(models_pb2.GetModelRequest())).model
    assert [(m.name, m.version, m.is_default) for m in listed if m.state == models_pb2.MODEL_STATE_READY] == [
        ("digits", "10", True),
        ("letters", "2", False),
    ], "the newest version of each model"
    assert [m.version for m in listed if m.state == models_pb2.MODEL_STATE_UNLOADED] == ["1", "9"]
    assert default == listed[2]
    assert default.state == models_pb2.MODEL_STATE_READY
    assert list(default.labels) == [str(digit) for digit in range(10)]
    assert (default.height_px, default.width_px, default.test_accuracy) == (28, 28, 1.0)
    assert default.review_threshold == pytest.approx(0.9)


async def test_every_service_has_a_health_status(serving: Serving) -> None:
    async with serving() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", DIGIT_SERVICE, MODEL_SERVICE):
            response = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert response.status == health_pb2.HealthCheckResponse.SERVING, service
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_names_every_service(serving: Serving) -> None:
    async with serving() as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        response = await stub.ServerReflectionInfo(iter([request])).read()
    names = {service.name for service in response.list_services_response.service}
    assert names == {
        DIGIT_SERVICE,
        MODEL_SERVICE,
        INFERENCE_SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_who_watches_health_does_not_hold_up_the_end(serving: Serving) -> None:
    stop: asyncio.Queue[None] = asyncio.Queue()
    async with serving(stop=stop, drain_timeout_s=60) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stop.put_nowait(None)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await watch.read() is grpc.aio.EOF


async def test_who_leaves_while_the_server_drains_does_not_hold_up_the_end(
    serving: Serving, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async def until_logged(words: str) -> None:
        async with asyncio.timeout(20):
            while not any(words in str(vars(record)) for record in caplog.records):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    caplog.set_level("DEBUG")
    stop: asyncio.Queue[None] = asyncio.Queue()
    async with serving(stop=stop, drain_timeout_s=60) as channel:
        gate.shut()
        leaves = digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(7)))
        await gate.entered()
        stop.put_nowait(None)
        await asyncio.sleep(3 * REFUSING_S)  # it waits for the calls under way by now
        leaves.cancel()
        await until_logged("CANCELLED")
        gate.open()
        await until_logged("stopped")


async def test_a_taken_port_is_an_error(serving: Serving, repository: Path) -> None:
    port = free_port()
    async with serving(port=port):
        with pytest.raises(TransportError, match="is it taken"):
            await serve(Settings(models=repository, port=port), lambda _: None, asyncio.Queue())


async def test_a_native_transport_without_a_place_for_its_socket_is_an_error(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(TransportError, match=r"a temporary folder .TMPDIR.: No such file"):
        await serve(Settings(models=repository, port=0, transport="native"), lambda _: None, asyncio.Queue())
