"""Which versions are loaded, which one answers, and what administrators do about it."""

from pathlib import Path

import grpc
import grpc.aio
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from digitserve.inference import grpc_service_pb2_grpc as pb_grpc
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve_serving.rollout import FILE
from operating import FAILED, POLL_S, READY, UNLOADED, Operator, state_is, version_is
from server_in_process import Serving
from tiny_model import image_of, write_tiny_model
from wire import error_of, one


@pytest.mark.parametrize(
    ("versions", "ready"), [("latest", {"3"}), ("all", {"1", "2", "3"}), ("1,2", {"1", "2"})]
)
async def test_the_policy_says_what_is_loaded(
    administered: Serving, repository: Path, versions: str, ready: set[str]
) -> None:
    for version in "23":
        write_tiny_model(repository, version=version, shift=int(version) - 1)
    async with administered(versions=versions) as channel:
        operator = Operator(channel)
        states = await operator.states()
        assert {version for version, state in states.items() if state == READY} == ready
        assert await operator.default() == max(ready)
        for version in ready:
            answer = await operator.digits.ClassifyImage(one(image_of(0), version=version))
            assert (answer.model.version, answer.classification.digit) == (version, int(version) - 1)


async def test_labels_stand_for_versions_in_both_apis(administered: Serving, repository: Path) -> None:
    write_tiny_model(repository, version="2", shift=1)
    async with administered() as channel:
        operator = Operator(channel)
        assert list((await operator.set_default("1", label="stable")).version_labels) == ["stable"]
        await operator.set_default("2", label="canary")
        for label, version in (("stable", "1"), ("canary", "2")):
            answer = await operator.digits.ClassifyImage(one(image_of(3), version=label))
            assert answer.model.version == version
            request = pb.ModelInferRequest(model_name="digits", model_version=label)
            request.inputs.add(name="images", datatype="UINT8", shape=[1, 28, 28])
            request.raw_input_contents.append(image_of(3).tobytes())
            inferred = await pb_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
            assert inferred.model_version == version
        await operator.set_default("canary", label="stable")
        assert list((await operator.model("stable")).version_labels) == ["canary", "stable"]
        assert await operator.states() == {"1": UNLOADED, "2": READY}
        await operator.set_default("", label="canary")
        error = await error_of(operator.digits.ClassifyImage(one(image_of(3), version="canary")))
        bad = await error_of(operator.stub.SetDefault(models_pb2.SetDefaultRequest(version="2", label="2b")))
    assert error.code is grpc.StatusCode.NOT_FOUND
    assert bad.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_rollback_holds_until_told_otherwise(watching: Serving, repository: Path) -> None:
    async with watching() as channel:
        operator = Operator(channel)
        nothing = await error_of(operator.stub.Rollback(models_pb2.RollbackRequest()))
        write_tiny_model(repository, version="2", shift=1)
        await version_is(operator, "2")
        assert await operator.rollback() == "1"
        assert await operator.default() == "1"
        write_tiny_model(repository, version="3", shift=2)
        await state_is(operator, "3", READY)
        assert await operator.default() == "1", "what comes later waits"
        assert await operator.rollback() == "2"
        assert await operator.rollback() == "1"
    async with watching() as channel:
        operator = Operator(channel)
        assert await operator.default() == "1", "a restart changes nothing"
        assert (await operator.set_default("")).version == "3"
        assert await operator.default() == "3"
    assert nothing.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "no earlier version" in nothing.message


async def test_versions_are_loaded_and_unloaded(watching: Serving, repository: Path) -> None:
    write_tiny_model(repository, version="2", shift=1)
    (write_tiny_model(repository, version="3") / "model.onnx").unlink()
    async with watching() as channel:
        operator = Operator(channel)
        stub = operator.stub
        assert (await stub.LoadModel(models_pb2.LoadModelRequest(version="1"))).model.state == READY
        assert await operator.states() == {"1": READY, "2": READY, "3": FAILED}
        failed = await error_of(stub.LoadModel(models_pb2.LoadModelRequest(version="3")))
        unknown = await error_of(stub.LoadModel(models_pb2.LoadModelRequest(version="4")))
        await operator.set_default("2")
        chosen = await error_of(stub.UnloadModel(models_pb2.UnloadModelRequest(version="2")))
        await operator.set_default("")
        unloaded = await stub.UnloadModel(models_pb2.UnloadModelRequest(version="2"))
        assert unloaded.model.state == UNLOADED
        assert await operator.default() == "1"
        await stub.UnloadModel(models_pb2.UnloadModelRequest())
        assert {UNLOADED, FAILED} >= set((await operator.states()).values())
        none = await error_of(operator.digits.ClassifyImage(one(image_of(1))))
        await stub.LoadModel(models_pb2.LoadModelRequest())
        assert await operator.default() == "2"
    assert [error.details["ErrorInfo"].reason for error in (failed, unknown, chosen, none)] == [
        "MODEL_FAILED",
        "MODEL_NOT_FOUND",
        "MODEL_CONTROL_REFUSED",
        "MODEL_NOT_LOADED",
    ]


@pytest.mark.parametrize("version", ["1", ""])
async def test_what_a_call_has_unloaded_is_so_after_a_restart_and_says_how_to_undo_it(
    version: str, administered: Serving, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with administered() as channel:
        await Operator(channel).stub.UnloadModel(models_pb2.UnloadModelRequest(version=version))
    assert "a call has unloaded it" not in caplog.text
    async with administered() as channel:
        operator = Operator(channel)
        assert await operator.states() == {"1": UNLOADED}
        reason = (await operator.model()).state_reason
        error = await error_of(operator.digits.ClassifyImage(one(image_of(1))))
        await operator.stub.LoadModel(models_pb2.LoadModelRequest(version=version))
        assert await operator.default() == "1"
        assert not (await operator.model()).state_reason
    assert f"`digitserve models load {'digits/1' if version else 'digits'}` loads it again" in reason
    assert "removing digits/rollout.json from the repository" in reason
    assert error.message == f"model 'digits/1' is not loaded: {reason}"
    assert f"model digits is not loaded: {reason}" in caplog.text


async def test_without_admin_calls_removing_the_wishes_loads_what_was_unloaded(
    serving: Serving, repository: Path
) -> None:
    wishes = repository / "digits" / FILE
    wishes.write_text('{"off": true}')
    async with serving(repository_poll_s=POLL_S) as channel:
        operator = Operator(channel)
        assert await operator.states() == {"1": UNLOADED}
        wishes.unlink()
        await state_is(operator, "1", READY)
        assert await operator.default() == "1"


async def test_without_admin_calls_a_wish_written_by_hand_rolls_back(
    serving: Serving, repository: Path
) -> None:
    write_tiny_model(repository, version="2", shift=1)
    async with serving(repository_poll_s=POLL_S) as channel:
        operator = Operator(channel)
        assert await operator.default() == "2"
        (repository / "digits" / ".new").write_text('{"default": "1"}')
        (repository / "digits" / ".new").rename(repository / "digits" / FILE)
        await version_is(operator, "1")


async def test_a_wish_for_a_version_that_is_not_there_is_told_once(
    serving: Serving, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (repository / "digits" / FILE).write_text('{"default": "9", "labels": {"stable": "1"}}')
    write_tiny_model(repository, version="2", shift=1)
    async with serving(repository_poll_s=POLL_S) as channel:
        assert await Operator(channel).default() == "2"
        (repository / "digits" / ".new").write_text('{"default": "1", "loaded": ["8"]}')
        (repository / "digits" / ".new").rename(repository / "digits" / FILE)
        await version_is(Operator(channel), "1")
    told = [record.getMessage() for record in caplog.records if "is not there" in record.getMessage()]
    assert told == [f"digits/{FILE} wants version {n}, which is not there" for n in (9, 8)]


async def test_a_policy_that_names_no_version_of_another_model_is_no_failure(
    serving: Serving, repository: Path
) -> None:
    write_tiny_model(repository, "letters", version="2")
    async with serving(versions="1") as channel:
        assert await Operator(channel).default() == "1"


async def test_a_repository_that_cannot_be_written_is_a_clear_error(
    administered: Serving, repository: Path
) -> None:
    write_tiny_model(repository, version="2", shift=1)
    async with administered() as channel:
        operator = Operator(channel)
        (repository / "digits" / FILE).mkdir()
        for call in (
            operator.stub.LoadModel(models_pb2.LoadModelRequest(version="1")),
            operator.stub.SetDefault(models_pb2.SetDefaultRequest(version="1")),
            operator.stub.Rollback(models_pb2.RollbackRequest()),
        ):
            error = await error_of(call)
            assert error.code is grpc.StatusCode.FAILED_PRECONDITION
            assert "digits/rollout.json in the repository cannot be changed: Is a dir" in error.message
        assert await operator.states() == {"1": UNLOADED, "2": READY}
        assert await operator.default() == "2"
