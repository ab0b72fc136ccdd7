"""The Open Inference Protocol as this server has it: states, limits, details, counts."""

import json
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from digitserve.inference import grpc_service_pb2_grpc as pb_grpc
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve_serving.services import INFERENCE_SERVICE
from gate import Gate, Loading
from grpc_health.v1 import health_pb2, health_pb2_grpc
from server_in_process import Serving
from tiny_model import expected_probabilities, image_of, write_tiny_model
from wire import WireError, error_of, next_digits, one, streamed


def asks(*digits: int, name: str = "digits", **fields: Any) -> pb.ModelInferRequest:
    """A ModelInfer request with images of these digits."""
    images = np.stack([image_of(digit) for digit in digits])
    request = pb.ModelInferRequest(model_name=name, raw_input_contents=[images.tobytes()], **fields)
    request.inputs.add(name="images", datatype="UINT8", shape=images.shape)
    return request


def read(response: pb.ModelInferResponse) -> list[int]:
    """The digits that are most probable."""
    rows = np.frombuffer(response.raw_output_contents[0], np.float32).reshape(list(response.outputs[0].shape))
    return [int(digit) for digit in rows.argmax(axis=1)]


def check(error: WireError, code: grpc.StatusCode, reason: str, *details: str) -> None:
    """The code, the ErrorInfo, and exactly these details beside it."""
    assert error.code is code, error
    assert error.details["ErrorInfo"].reason == reason
    assert set(error.details) == {"ErrorInfo", *details}


async def test_it_answers_what_the_domain_api_answers(serving: Serving) -> None:
    async with serving() as channel:
        response = await pb_grpc.GRPCInferenceServiceStub(channel).ModelInfer(asks(7, 3, id="x"))
        ours = await digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(7)))
    (raw,) = response.raw_output_contents
    rows = np.frombuffer(raw, np.float32).reshape(2, 10)
    expected = expected_probabilities(np.stack([image_of(7), image_of(3)]))
    np.testing.assert_allclose(rows, expected, rtol=1e-5)
    np.testing.assert_allclose(rows[0], ours.classification.probabilities, rtol=1e-6)
    assert (response.model_name, response.model_version, response.id) == ("digits", "1", "x")
    assert not response.parameters


async def statistics(stub: Any) -> pb.ModelStatistics:
    """Of the model that is there."""
    (entry,) = (await stub.ModelStatistics(pb.ModelStatisticsRequest())).model_stats
    assert isinstance(entry, pb.ModelStatistics)
    return entry


async def test_both_apis_ask_the_same_batcher(serving: Serving) -> None:
    async with serving() as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        before = await statistics(stub)
        await stub.ModelInfer(asks(1, 2, 3))
        await digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(7)))
        after = await statistics(stub)
    assert (before.inference_count, before.last_inference) == (0, 0)
    assert (after.inference_count, after.execution_count) == (4, 2)
    assert after.inference_stats.success.count == after.inference_stats.queue.count == 2
    assert [(batch.batch_size, batch.compute_infer.count) for batch in after.batch_stats] == [(1, 1), (3, 1)]


async def test_statistics_of_a_call_larger_than_a_batch(serving: Serving) -> None:
    async with serving(max_batch_rows=4) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        await stub.ModelInfer(asks(*range(10)))
        after = await statistics(stub)
    assert (after.inference_count, after.execution_count) == (10, 3)
    stats = after.inference_stats
    assert stats.success.count == stats.queue.count == stats.compute_infer.count == 1
    assert stats.success.ns >= stats.compute_infer.ns


async def test_statistics_count_what_failed(serving: Serving, gate: Gate) -> None:
    async with serving() as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        gate.error = RuntimeError("broken")
        error = await error_of(stub.ModelInfer(asks(1)))
        gate.error = None
        await stub.ModelInfer(asks(1))
        after = await statistics(stub)
    check(error, grpc.StatusCode.INTERNAL, "INTERNAL")
    assert (after.inference_stats.fail.count, after.inference_stats.success.count) == (1, 1)
    assert after.inference_count == 1


async def test_an_output_as_numbers_where_that_is_asked_for(serving: Serving) -> None:
    request = asks(7)
    request.outputs.add(name="probabilities").parameters["binary_data"].bool_param = False
    async with serving() as channel:
        response = await pb_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert not response.raw_output_contents
    np.testing.assert_allclose(
        response.outputs[0].contents.fp32_contents, expected_probabilities(image_of(7)[None])[0], rtol=1e-5
    )


async def test_an_answer_of_a_stream_says_that_it_is_the_last_to_its_request(serving: Serving) -> None:
    async with serving() as channel:
        call = pb_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(iter([asks(1, id="a"), asks(2)]))
        responses = [response.infer_response async for response in call]
    assert [(response.id, read(response)) for response in responses] == [("a", [1]), ("", [2])]
    assert all(response.parameters["triton_final_response"].bool_param for response in responses)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"inputs": []}, "inputs", "is empty; the model takes 'images'"),
        ({"model_name": ""}, "model_name", "is empty; this server has digits"),
        ({"raw_input_contents": []}, "inputs[0].contents.uint_contents", "expected 784 elements, got 0"),
        ({"raw_input_contents": [bytes(783)]}, "raw_input_contents[0]", "expected 784 bytes, got 783"),
        (
            {"raw_input_contents": [b"", b""]},
            "raw_input_contents",
            "expected 1 entry for the 1 input, got 2",
        ),
    ],
)
async def test_a_malformed_request_names_the_field(
    serving: Serving, change: dict[str, Any], field: str, words: str
) -> None:
    request = asks(7)
    for name, value in change.items():
        request.ClearField(name)  # type: ignore[arg-type]  # any name of a field
        request.MergeFrom(pb.ModelInferRequest(**{name: value}))
    async with serving() as channel:
        error = await error_of(pb_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request))
    check(error, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "BadRequest")
    (violation,) = error.details["BadRequest"].field_violations
    assert violation.field == field
    assert words in violation.description


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ([28, 28], "is [28, 28], without the batch axis; [-1, 28, 28] is wanted: [1, 28, 28] for one row"),
        ([1, 784], "is [1, 784]; [-1, 28, 28] is wanted"),
        ([], "is []; [-1, 28, 28] is wanted"),
        ([1] * 900, "is [1, 1, 1, 1, 1, 1, 1, 1, ...]; [-1, 28, 28] is wanted"),
        ([0, 28, 28], "1 to 8 rows are taken in one call, not 0"),
        ([-1, 28, 28], "1 to 8 rows are taken in one call, not -1"),
        ([9, 28, 28], "1 to 8 rows are taken in one call, not 9"),
    ],
)
async def test_a_shape_that_is_not_taken(serving: Serving, shape: list[int], words: str) -> None:
    request = asks(7)
    request.inputs[0].shape[:] = shape
    async with serving(max_rows_per_call=8) as channel:
        error = await error_of(pb_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.message.startswith("inputs[0].shape: ")
    assert words in error.message


async def test_what_is_no_message_is_refused(serving: Serving) -> None:
    async with serving() as channel:
        raw: Any = channel  # whose types want messages
        for name in ("ModelInfer", "ModelMetadata"):
            error = await error_of(raw.unary_unary(f"/{INFERENCE_SERVICE}/{name}")(b"\xff\xff"))
            check(error, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "BadRequest")
            assert f"cannot be read as inference.{name}Request" in error.message
        call = raw.stream_stream(f"/{INFERENCE_SERVICE}/ModelStreamInfer")(iter([b"\xff"]))
        (answer,) = [pb.ModelStreamInferResponse.FromString(payload) async for payload in call]
    assert "cannot be read as inference.ModelInferRequest" in answer.error_message


async def test_a_model_that_could_not_be_loaded_is_unavailable(serving: Serving, repository: Path) -> None:
    manifest = write_tiny_model(repository, "letters") / "manifest.json"
    manifest.write_text(json.dumps({"schema_version": 1}))
    async with serving(until="NOT_SERVING") as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        index = await states(stub, until={"READY", "UNAVAILABLE"})
        errors = [
            await error_of(stub.ModelInfer(asks(7, name="letters"))),
            await error_of(stub.ModelMetadata(pb.ModelMetadataRequest(name="letters"))),
        ]
        assert read(await stub.ModelInfer(asks(7))) == [7]
        assert not (await stub.ModelReady(pb.ModelReadyRequest(name="letters"))).ready
        assert not (await stub.ServerReady(pb.ServerReadyRequest())).ready
        ready = await stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True))
    assert {name: entry.state for name, entry in index.items()} == {
        "digits": "READY",
        "letters": "UNAVAILABLE",
    }
    assert "manifest.json cannot be read" in index["letters"].reason
    assert [entry.name for entry in ready.models] == ["digits"]
    for error in errors:
        check(error, grpc.StatusCode.UNAVAILABLE, "MODEL_NOT_SERVED", "PreconditionFailure")
        assert "manifest.json cannot be read" in error.message


async def states(stub: Any, until: set[str]) -> dict[str, pb.RepositoryIndexResponse.ModelIndex]:
    """The index by name, once it has these states."""
    while True:
        models = (await stub.RepositoryIndex(pb.RepositoryIndexRequest())).models
        if {entry.state for entry in models} == until:
            return {entry.name: entry for entry in models}


async def test_a_model_that_is_being_loaded_is_unavailable(serving: Serving, loading: Loading) -> None:
    async with serving(until="NOT_SERVING") as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        error = await error_of(stub.ModelInfer(asks(7)))
        live = await stub.ServerLive(pb.ServerLiveRequest())
        ready = await stub.ServerReady(pb.ServerReadyRequest())
        model_ready = await stub.ModelReady(pb.ModelReadyRequest(name="digits"))
        health = health_pb2_grpc.HealthStub(channel)
        said = await health.Check(health_pb2.HealthCheckRequest(service=INFERENCE_SERVICE))
        index = await states(stub, until={"LOADING"})
        loading.finish.set()
        await states(stub, until={"READY"})
        assert (await stub.ModelReady(pb.ModelReadyRequest(name="digits"))).ready
    check(error, grpc.StatusCode.UNAVAILABLE, "MODEL_LOADING", "RetryInfo")
    assert (live.live, ready.ready, model_ready.ready) == (True, False, False)
    assert said.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert index.keys() == {"digits"}


async def test_a_model_is_unloaded_and_loaded_again(administered: Serving) -> None:
    async with administered() as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        request = pb.RepositoryModelUnloadRequest(model_name="digits")
        request.parameters["unload_dependents"].bool_param = True
        await stub.RepositoryModelUnload(request)
        error = await error_of(stub.ModelInfer(asks(7)))
        assert not (await stub.ModelReady(pb.ModelReadyRequest(name="digits"))).ready
        (entry,) = (await stub.RepositoryIndex(pb.RepositoryIndexRequest())).models
        await stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="digits"))
        assert read(await stub.ModelInfer(asks(7))) == [7]
    check(error, grpc.StatusCode.UNAVAILABLE, "MODEL_NOT_SERVED", "PreconditionFailure")
    assert (entry.state, entry.reason) == ("UNAVAILABLE", "unloaded")


@pytest.mark.parametrize("method", ["RepositoryModelLoad", "RepositoryModelUnload"])
async def test_what_cannot_be_controlled(administered: Serving, method: str) -> None:
    async with administered() as channel:
        stub, kind = pb_grpc.GRPCInferenceServiceStub(channel), getattr(pb, f"{method}Request")
        other = await error_of(getattr(stub, method)(kind(model_name="digits", repository_name="other")))
        nameless = await error_of(getattr(stub, method)(kind()))
        unknown = await error_of(getattr(stub, method)(kind(model_name="letters")))
        configured = kind(model_name="digits")
        configured.parameters["config"].string_param = "{}"
        strange = await error_of(getattr(stub, method)(configured))
        assert read(await stub.ModelInfer(asks(7))) == [7]
    for error, field in ((other, "repository_name"), (nameless, "model_name"), (strange, "parameters")):
        check(error, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "BadRequest")
        assert field in error.message
    check(unknown, grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", "ResourceInfo")


async def test_a_repository_has_no_name(serving: Serving) -> None:
    async with serving() as channel:
        request = pb.RepositoryIndexRequest(repository_name="other")
        error = await error_of(pb_grpc.GRPCInferenceServiceStub(channel).RepositoryIndex(request))
    check(error, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", "BadRequest")


async def test_streams_of_both_apis_are_counted_together(serving: Serving) -> None:
    async with serving(max_streams=1) as channel:
        first = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(timeout=20)
        await first.write(streamed(image_of(7).tobytes()))
        assert await next_digits(first) == [7]
        second = pb_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(iter([asks(7)]))
        error = await error_of(second.read())
        await first.done_writing()
        assert await first.read() is grpc.aio.EOF
    check(error, grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", "RetryInfo")
