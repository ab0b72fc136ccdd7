"""A repository whose versions come, change and go."""

import asyncio
import gc
import json
import shutil
import threading
import weakref
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from digitserve_serving import loading
from digitserve_serving.repository import VerifiedModel, load_verified
from digitserve_serving.rollout import FILE
from gate import Gate
from operating import FAILED, POLL_S, READY, UNLOADED, Operator, state_is, until, version_is
from server_in_process import Serving, health_says
from tiny_model import image_of, write_tiny_model
from wire import error_of, one


async def test_a_new_version_takes_over_and_the_old_one_goes(
    watching: Serving, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: dict[str, weakref.ref[Any]] = {}

    def noted(folder: Any, **options: Any) -> VerifiedModel:
        model = load_verified(folder, **options)
        loaded[folder.version] = weakref.ref(model.onnx)
        return model

    monkeypatch.setattr(loading, "load_verified", noted)
    async with watching() as channel:
        operator = Operator(channel)
        assert (await operator.digits.ClassifyImage(one(image_of(7)))).classification.digit == 7
        write_tiny_model(repository, version="2", shift=1)
        await version_is(operator, "2")
        assert (await operator.digits.ClassifyImage(one(image_of(7)))).classification.digit == 8
        assert await operator.states() == {"1": UNLOADED, "2": READY}
        error = await error_of(operator.digits.ClassifyImage(one(image_of(7), version="1")))

        async def gone() -> bool:
            await operator.default()
            gc.collect()
            return loaded["1"]() is None

        await until(gone)
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.details["ErrorInfo"].reason == "MODEL_NOT_LOADED"
    assert "not loaded: the server's --versions says which are" in error.message


async def test_the_old_version_finishes_its_calls(watching: Serving, repository: Path, gate: Gate) -> None:
    async with watching() as channel:
        operator = Operator(channel)
        gate.shut()
        under_way = asyncio.ensure_future(operator.digits.ClassifyImage(one(image_of(7))))
        await gate.entered()
        write_tiny_model(repository, version="2")
        for _ in range(2):  # warming up, golden samples
            gate.pass_one()
            await gate.entered()
        gate.open()
        await state_is(operator, "2", READY)
        assert (await under_way).model.version in "12"
        await version_is(operator, "2")


async def test_a_version_that_fails_is_reported_and_the_old_one_stays(
    watching: Serving, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching() as channel:
        operator = Operator(channel)
        folder = write_tiny_model(repository, version="2", shift=1)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["golden_samples"].reverse()
        manifest["golden_samples"][0]["probabilities"].reverse()
        (folder / "manifest.json").write_text(json.dumps(manifest))
        await state_is(operator, "2", FAILED)
        assert "golden samples" in (await operator.model("2")).state_reason
        assert await operator.default() == "1"
        assert "model digits/2 is refused: the graph does not give the answers" in caplog.text
        refused = caplog.text.count("is refused")
        shutil.rmtree(folder)
        write_tiny_model(repository, version="2", shift=1)
        await version_is(operator, "2")
    assert caplog.text.count("is refused") == refused, "it was tried again only when its files had changed"


async def test_a_half_copied_version_is_tried_again_when_the_rest_has_come(
    watching: Serving, repository: Path, tmp_path: Path
) -> None:
    whole = write_tiny_model(tmp_path, version="2", shift=1)
    async with watching() as channel:
        operator = Operator(channel)
        half = repository / "digits" / "2"
        half.mkdir()
        content = (whole / "model.onnx").read_bytes()
        (half / "model.onnx").write_bytes(content[:100])
        await state_is(operator, "2", FAILED)
        (half / "manifest.json").write_bytes((whole / "manifest.json").read_bytes())

        async def is_damaged() -> bool:
            return "damaged" in (await operator.model("2")).state_reason

        await until(is_damaged)
        with (half / "model.onnx").open("ab") as file:
            file.write(content[100:])
        await version_is(operator, "2")


async def test_what_is_served_stays_when_its_folder_goes(
    watching: Serving, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_tiny_model(repository, version="2", shift=1)
    async with watching() as channel:
        operator = Operator(channel)
        shutil.rmtree(repository / "digits" / "2")
        await asyncio.sleep(5 * POLL_S)
        assert await operator.default() == "2"
        away = moved(repository, "away")

        async def reported() -> bool:
            await operator.states()
            return "models cannot be read: No such file or directory" in caplog.text

        await until(reported)
        assert await operator.default() == "2"
        moved(away, repository.name)
        write_tiny_model(repository, version="3", shift=2)
        await version_is(operator, "3")


def moved(folder: Path, name: str) -> Path:
    return folder.rename(folder.with_name(name))


async def test_at_the_start_the_newest_that_can_be_loaded_serves(serving: Serving, repository: Path) -> None:
    (write_tiny_model(repository, version="2") / "model.onnx").write_bytes(b"nothing")
    async with serving() as channel:
        operator = Operator(channel)
        assert await operator.states() == {"1": READY, "2": FAILED}
        assert await operator.default() == "1"


async def test_a_server_without_a_whole_model_serves_once_there_is_one(
    watching: Serving, repository: Path, tmp_path: Path
) -> None:
    model = repository / "digits" / "1" / "model.onnx"
    content = model.read_bytes()
    model.write_bytes(b"nothing")
    async with watching(until="NOT_SERVING") as channel:
        operator = Operator(channel)
        await state_is(operator, "1", FAILED)
        model.write_bytes(content)
        await state_is(operator, "1", READY)
        assert await operator.default() == "1"
        await health_says(channel, "SERVING")


async def test_calls_go_where_they_went_until_what_is_wanted_is_loaded(
    watching: Serving, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a process that follows what another was told: the wish is there before the version is."""
    for version in "23":
        write_tiny_model(repository, version=version, shift=int(version) - 1)
    wishes = repository / "digits" / FILE
    wishes.write_text('{"default": "1", "labels": {"stable": "1"}}')
    loading_it, go_on = threading.Event(), threading.Event()

    def slow(folder: Any, **options: Any) -> VerifiedModel:
        if folder.version == "2":
            loading_it.set()
            assert go_on.wait(20)
        return load_verified(folder, **options)

    monkeypatch.setattr(loading, "load_verified", slow)
    async with watching() as channel:
        operator = Operator(channel)
        wishes.write_text('{"default": "2", "labels": {"stable": "2"}}')
        assert await asyncio.to_thread(loading_it.wait, 20)
        stable = await operator.digits.ClassifyImage(one(image_of(7), version="stable"))
        assert (stable.model.version, await operator.default()) == ("1", "1")
        go_on.set()
        await version_is(operator, "2")
        stable = await operator.digits.ClassifyImage(one(image_of(7), version="stable"))
        assert stable.model.version == "2"
