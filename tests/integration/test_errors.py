"""Each row of the table of errors, over the wire."""

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve.v1 import model_service_pb2_grpc as models_grpc
from digitserve_serving.status import INTERNAL_MESSAGE
from digitserve_serving.stopping import REFUSING_S
from gate import Gate, Loading
from grpc_health.v1 import health_pb2, health_pb2_grpc
from server_in_process import Serving, health_says
from tiny_model import image_of, write_tiny_model
from wire import WireError, batch, error_of, next_digits, one, streamed

IMAGE = image_of(7)
PIXELS = IMAGE.tobytes()


def check(error: WireError, code: grpc.StatusCode, reason: str, *details: str) -> None:
    """The code, the ErrorInfo, and exactly these details beside it."""
    assert error.code is code, error
    assert error.details["ErrorInfo"].reason == reason
    assert error.details["ErrorInfo"].domain == "digitserve"
    assert error.details["ErrorInfo"].metadata["request_id"]
    assert set(error.details) == {"ErrorInfo", *details}


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (b"", "came with 0 bytes; one image of 28 x 28 px is 784 bytes"),
        (bytes(32 * 32), "came with 1024 bytes; one image of 28 x 28 px is 784 bytes"),
        (PIXELS * 2, "came with 1568 bytes"),
    ],
    ids=["empty", "another size", "two images"],
)
async def test_one_image_of_the_wrong_size(serving: Serving, pixels: bytes, message: str) -> None:
    async with serving() as channel:
        request = one(IMAGE)
        request.pixels = pixels
        error = await error_of(digits_grpc.DigitServiceStub(channel).ClassifyImage(request))
    check(error, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "BadRequest")
    (violation,) = error.details["BadRequest"].field_violations
    assert violation.field == "pixels"
    assert message in violation.description
    assert message in error.message


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (b"", "is empty; at least one image of 784 bytes is wanted"),
        (PIXELS + b"\0", "came with 785 bytes; a multiple of 784 is wanted"),
        (PIXELS * 9, "came with 9 images; at most 8 are taken in one call"),
    ],
    ids=["empty", "a byte too many", "too many images"],
)
@pytest.mark.parametrize("streaming", [False, True], ids=["batch", "stream"])
async def test_a_batch_of_the_wrong_size(
    serving: Serving, streaming: bool, pixels: bytes, message: str
) -> None:
    async with serving(max_rows_per_call=8) as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        if streaming:
            error = await error_of(stub.StreamClassifyImages(iter([streamed(pixels)])).read())
        else:
            error = await error_of(stub.BatchClassifyImages(batch(pixels)))
    check(error, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "BadRequest")
    assert message in error.message


@pytest.mark.parametrize(("name", "version"), [("letters", ""), ("digits", "9"), ("", "9")])
async def test_an_unknown_model(serving: Serving, name: str, version: str) -> None:
    async with serving() as channel:
        asked = digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE, name, version))
        described = models_grpc.ModelServiceStub(channel).GetModel(
            models_pb2.GetModelRequest(name=name, version=version)
        )
        errors = [await error_of(asked), await error_of(described)]
    for error in errors:
        check(error, grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", "ResourceInfo")
        assert error.details["ResourceInfo"].resource_type == "model"
        assert "this server has digits/1" in error.message


@pytest.mark.parametrize("name", ["ListModels", "GetModel"])
async def test_what_is_no_message_is_told_so(
    serving: Serving, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as channel:
        call: Any = channel.unary_unary(f"/digitserve.v1.ModelService/{name}")
        error = await error_of(call(b"\xff\xff"))
    check(error, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "BadRequest")
    assert f"cannot be read as digitserve.v1.{name}Request" in error.message
    assert not [record for record in caplog.records if record.exc_info]


def corrupt(folder: Path) -> str:
    """One byte of the graph flipped."""
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / "model.onnx").write_bytes(content)
    return "model.onnx is damaged"


def truncated(folder: Path) -> str:
    """Half of the graph gone."""
    content = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(content[: len(content) // 2])
    return "model.onnx is damaged"


def missing(folder: Path) -> str:
    """No graph at all."""
    (folder / "model.onnx").unlink()
    return "model.onnx cannot be read: No such file"


def unsigned(folder: Path) -> str:
    """A manifest without a field."""
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["model"]["sha256"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return "missing required field `sha256`"


def bent(folder: Path) -> str:
    """A manifest of another shape than anybody thought of."""
    (folder / "manifest.json").write_text('{"deeper":' * 100_000)
    return "it cannot be loaded (RecursionError); the log has more"


def untrue(folder: Path) -> str:
    """A graph that does not give the answers it should."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["golden_samples"][0]["probabilities"].reverse()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return "golden samples"


@pytest.mark.parametrize("damage", [corrupt, truncated, missing, unsigned, bent, untrue])
async def test_a_model_that_cannot_be_loaded_is_refused(
    serving: Serving, repository: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(damage)
    reason = damage(repository / "digits" / "1")
    async with serving(until="NOT_SERVING") as channel:
        stub = models_grpc.ModelServiceStub(channel)
        while (model := (await stub.GetModel(models_pb2.GetModelRequest())).model).state == (
            models_pb2.MODEL_STATE_LOADING
        ):
            pass
        error = await error_of(digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE)))
    assert model.state == models_pb2.MODEL_STATE_FAILED
    assert reason in model.state_reason
    check(error, grpc.StatusCode.FAILED_PRECONDITION, "MODEL_FAILED", "PreconditionFailure")
    assert "digits/1" in error.message
    assert reason in error.message
    assert "not serving" in caplog.text


async def test_a_model_that_is_being_loaded(serving: Serving, loading: Loading) -> None:
    async with serving(until="NOT_SERVING") as channel:
        error = await error_of(digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE)))
        loading.finish.set()
    check(error, grpc.StatusCode.UNAVAILABLE, "MODEL_LOADING", "RetryInfo")
    assert error.details["RetryInfo"].retry_delay.ToMilliseconds() > 0


async def test_a_stream_is_ended_kindly_when_the_server_drains(serving: Serving) -> None:
    stop: asyncio.Queue[None] = asyncio.Queue()
    async with serving(stop=stop) as channel:
        call = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(timeout=20)
        await call.write(streamed(PIXELS))
        assert await next_digits(call) == [7]
        stop.put_nowait(None)
        error = await error_of(call.read())
    check(error, grpc.StatusCode.UNAVAILABLE, "DRAINING", "RetryInfo")


async def test_a_call_while_the_server_drains(serving: Serving, gate: Gate) -> None:
    stop: asyncio.Queue[None] = asyncio.Queue()
    async with serving(stop=stop) as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        under_way = asyncio.ensure_future(stub.ClassifyImage(one(IMAGE)))
        await gate.entered()
        stop.put_nowait(None)
        await health_says(channel, "NOT_SERVING")
        error = await error_of(stub.ClassifyImage(one(IMAGE)))
        gate.open()
        assert (await under_way).classification.digit == 7
    check(error, grpc.StatusCode.UNAVAILABLE, "DRAINING", "RetryInfo")


async def test_a_call_under_way_is_finished_before_the_end(serving: Serving, gate: Gate) -> None:
    stop: asyncio.Queue[None] = asyncio.Queue()
    async with serving(stop=stop) as channel:
        gate.shut()
        under_way = digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE))
        await gate.entered()
        stop.put_nowait(None)
        await asyncio.sleep(3 * REFUSING_S)  # the port is closed by now
        gate.open()
        assert (await under_way).classification.digit == 7


async def test_a_stop_while_loading_is_heeded(serving: Serving, loading: Loading) -> None:
    stop: asyncio.Queue[None] = asyncio.Queue()
    async with serving(until="NOT_SERVING", stop=stop) as channel:
        assert await asyncio.to_thread(loading.started.wait, 20)
        stop.put_nowait(None)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        said = [response.status async for response in watch]
        loading.finish.set()
    assert said == [health_pb2.HealthCheckResponse.NOT_SERVING]


async def test_more_streams_than_the_server_takes(serving: Serving) -> None:
    async with serving(max_streams=1) as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        first = stub.StreamClassifyImages(timeout=20)
        await first.write(streamed(PIXELS))
        assert await next_digits(first) == [7]
        error = await error_of(stub.StreamClassifyImages(iter([streamed(PIXELS)])).read())
        await first.done_writing()
        assert await first.read() is grpc.aio.EOF
        again = stub.StreamClassifyImages(iter([streamed(PIXELS)]))
        assert await next_digits(again) == [7]
    check(error, grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", "RetryInfo")


async def test_a_very_long_name_is_not_found_either(serving: Serving) -> None:
    async with serving() as channel:
        error = await error_of(digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE, "x" * 20_000)))
    check(error, grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", "ResourceInfo")


@pytest.mark.parametrize("sent", ["", "two words", "x" * 200])
async def test_a_request_id_that_is_none_is_replaced(serving: Serving, sent: str) -> None:
    async with serving() as channel:
        call = digits_grpc.DigitServiceStub(channel).ClassifyImage(
            one(IMAGE, "nobody"), metadata=(("x-request-id", sent),)
        )
        error = await error_of(call)
    assert re.fullmatch("[0-9a-f]{32}", error.details["ErrorInfo"].metadata["request_id"])


async def test_one_model_that_failed_keeps_the_server_from_serving(
    serving: Serving, repository: Path
) -> None:
    corrupt(write_tiny_model(repository, "letters"))
    async with serving(until="NOT_SERVING") as channel:
        stub = models_grpc.ModelServiceStub(channel)
        while any(
            model.state == models_pb2.MODEL_STATE_LOADING
            for model in (await stub.ListModels(models_pb2.ListModelsRequest())).models
        ):
            pass
        response = await digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE))
        await health_says(channel, "NOT_SERVING")
    assert response.classification.digit == 7, "the whole model answers all the same"


async def test_a_full_queue(serving: Serving, gate: Gate) -> None:
    async with serving(max_queue_rows=4, max_rows_per_call=4) as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        running = asyncio.ensure_future(stub.ClassifyImage(one(IMAGE)))
        await gate.entered()
        calls = [asyncio.ensure_future(stub.BatchClassifyImages(batch(PIXELS * 3))) for _ in range(2)]
        done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        error = await error_of(done.pop())
        gate.open()
        assert len((await waiting.pop()).classifications.digits) == 3
        await running
    check(error, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", "RetryInfo")
    assert "3 of at most 4 rows are waiting, 3 more do not fit" in error.message
    assert error.details["RetryInfo"].retry_delay.ToMilliseconds() > 0


async def test_a_deadline_that_passes_in_the_queue(serving: Serving, gate: Gate) -> None:
    async with serving() as channel:
        stub = digits_grpc.DigitServiceStub(channel)
        gate.shut()
        running = asyncio.ensure_future(stub.ClassifyImage(one(IMAGE)))
        await gate.entered()
        error = await error_of(stub.ClassifyImage(one(image_of(5)), timeout=0.1))
        gate.open()
        await running
        await stub.ClassifyImage(one(image_of(6)))
    assert error.code is grpc.StatusCode.DEADLINE_EXCEEDED
    ran = [digit for rows in gate.batches for digit in rows[:, 0, :10].argmax(axis=1).tolist()]
    assert ran == [7, 6], "the expired image must not run"


async def test_the_unexpected(serving: Serving, gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as channel:
        gate.error = RuntimeError("a secret of the house")
        metadata = (("x-request-id", "my-own-id"),)
        call = digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE), metadata=metadata)
        error = await error_of(call)
        gate.error = None
        trailing = dict(await call.trailing_metadata())
    check(error, grpc.StatusCode.INTERNAL, "INTERNAL")
    assert error.message == INTERNAL_MESSAGE
    assert error.details["ErrorInfo"].metadata["request_id"] == trailing["x-request-id"] == "my-own-id"
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "my-own-id" in record.getMessage()
    assert record.exc_info
    assert "a secret of the house" in str(record.exc_info[1])


async def test_a_call_for_which_there_is_no_memory(serving: Serving, gate: Gate) -> None:
    async with serving() as channel:
        gate.error = MemoryError()
        error = await error_of(digits_grpc.DigitServiceStub(channel).ClassifyImage(one(IMAGE)))
        gate.error = None
    check(error, grpc.StatusCode.RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "RetryInfo")


async def test_a_message_over_the_limit(serving: Serving) -> None:
    async with serving(max_message_bytes=10_000) as channel:
        error = await error_of(digits_grpc.DigitServiceStub(channel).BatchClassifyImages(batch(PIXELS * 20)))
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "10000" in error.message
    assert "RetryInfo" not in error.details, "it will not fit later either"


async def test_a_stream_answers_what_came_before_an_invalid_request(serving: Serving) -> None:
    async with serving() as channel:
        requests = [streamed(image_of(d).tobytes()) for d in range(3)] + [streamed(b"?")]
        call = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(iter(requests))
        answers = [await next_digits(call) for _ in range(3)]
        error = await error_of(call.read())
    assert answers == [[0], [1], [2]]
    check(error, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "BadRequest")
