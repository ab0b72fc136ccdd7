"""Versions that change while calls go on; in several processes; in the shadow."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from administration import TOKEN, admin_flags
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve_client import DigitClient
from operating import POLL_S, Operator
from scrape import METRICS, scrape
from server_in_process import Serving
from server_process import ServerProcess
from tiny_model import image_of, write_tiny_model
from wire import batch, one, streamed

TEN = np.stack([image_of(digit) for digit in range(10)])
SWITCHES, CALLERS = 20, 24
HEADER = (("authorization", f"Bearer {TOKEN}"),)


class Crowd:
    """Callers that never stop, and hold every answer against the version that it names."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._digits = digits_grpc.DigitServiceStub(channel)
        self._stopped = False
        self._answers = asyncio.Condition()
        self.answered = Counter[str]()

    async def run(self, callers: int, meanwhile: Awaitable[None]) -> None:
        """Calls until `meanwhile` is over. Raises what any call raises, and AssertionError."""
        kinds = itertools.cycle((self._singly, self._singly, self._in_batches, self._in_a_stream))
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number in range(callers):
                group.create_task(next(kinds)(number % 10))
            await meanwhile
            self._stopped = True

    async def have_more(self, version: str, answers: int) -> None:
        """Waits until so many more calls were answered by a version."""
        wanted = self.answered[version] + answers
        async with self._answers:
            await self._answers.wait_for(lambda: self.answered[version] >= wanted)

    async def _check(self, model: Any, found: list[int], sent: list[int]) -> None:
        assert found == [(digit + int(model.version) - 1) % 10 for digit in sent]
        async with self._answers:
            self.answered[model.version] += 1
            self._answers.notify_all()

    async def _singly(self, digit: int) -> None:
        while not self._stopped:
            answer = await self._digits.ClassifyImage(one(image_of(digit)))
            await self._check(answer.model, [answer.classification.digit], [digit])

    async def _in_batches(self, _: int) -> None:
        while not self._stopped:
            answer = await self._digits.BatchClassifyImages(batch(TEN.tobytes()))
            await self._check(answer.model, list(answer.classifications.digits), list(range(10)))

    async def _in_a_stream(self, _: int) -> None:
        call = self._digits.StreamClassifyImages()
        while not self._stopped:
            await call.write(streamed(TEN.tobytes()))
            answer: Any = await call.read()
            await self._check(answer.model, list(answer.classifications.digits), list(range(10)))
        await call.done_writing()


async def test_switching_under_full_load_fails_no_call(watching: Serving, repository: Path) -> None:
    write_tiny_model(repository, version="2", shift=1)
    async with watching() as channel:
        operator, crowd = Operator(channel), Crowd(channel)

        async def switch() -> None:
            for version in ("1", "2") * (SWITCHES // 2):
                assert (await operator.set_default(version)).version == version
                await crowd.have_more(version, CALLERS)

        await crowd.run(CALLERS, switch())
    assert sum(crowd.answered.values()) >= SWITCHES * CALLERS
    assert crowd.answered.keys() == {"1", "2"}


async def test_new_versions_under_full_load_fail_no_call(watching: Serving, repository: Path) -> None:
    async with watching() as channel:
        crowd = Crowd(channel)

        async def publish() -> None:
            for number in range(2, 8):
                write_tiny_model(repository, version=str(number), shift=number - 1)
                await crowd.have_more(str(number), CALLERS)

        await crowd.run(CALLERS, publish())
    assert len(crowd.answered) == 7


def test_every_process_follows(repository: Path, tmp_path: Path, transport: str) -> None:
    write_tiny_model(repository, version="2", shift=1)
    flags = ("--workers", "2", "--transport", transport, "--repository-poll-s", str(POLL_S))
    own = [("grpc.use_local_subchannel_pool", 1)]
    with ServerProcess(repository, *METRICS, *flags, *admin_flags(tmp_path)) as server, ExitStack() as stack:
        channels = [
            stack.enter_context(closing(grpc.insecure_channel(server.target, options=own))) for _ in range(8)
        ]

        def served() -> set[str]:
            return {
                digits_grpc.DigitServiceStub(channel)
                .ClassifyImage(one(image_of(1)), metadata=HEADER)
                .model.version
                for channel in channels
            }

        with DigitClient(server.target, token=TOKEN) as client:
            assert client.rollback().version == "1"
            while served() != {"1"} or scrape(server).by("digitserve_default_processes", "version") != {
                "1": 2
            }:
                pass
            assert client.set_default(2, label="canary").version_labels == ("canary",)
            assert client.load_model(version=2).version == "2"
            assert client.set_default(None).version == "2"
        while served() != {"2"}:
            pass
        write_tiny_model(repository, version="3", shift=2)
        while served() != {"3"}:
            pass


@pytest.mark.parametrize("shadow", ["digit/1", "digits/7", "digits/canary"])
def test_a_shadow_that_is_not_there_is_told_at_the_start(repository: Path, shadow: str) -> None:
    with ServerProcess(repository, "--workers", "1", "--shadow", f"{shadow}=0.5") as server:
        assert server.logged(f"{shadow} is not there, and so not asked")


def test_a_shadow_is_asked_what_the_first_has_answered(
    transport: str, repository: Path, tmp_path: Path
) -> None:
    write_tiny_model(repository, version="2", shift=1)
    flags = ("--workers", "1", "--transport", transport, "--shadow", "digits/2=1")
    with (
        ServerProcess(repository, *METRICS, *flags, *admin_flags(tmp_path)) as server,
        DigitClient(server.target, token=TOKEN) as client,
    ):
        images = np.stack([image_of(digit) for digit in (3, 3, 9)])
        assert set(client.classify_batch(images).model_versions) == {"1"}
        assert client.classify(image_of(3)).model_version == "1"
        pairs = "digitserve_shadow_answers_total"
        while (found := scrape(server)).value(pairs) < 4:
            pass
        assert found.value(pairs, version="1", shadow_version="2", digit="3", shadow_digit="4") == 3
        assert found.value(pairs, version="1", shadow_version="2", digit="9", shadow_digit="0") == 1
        assert found.value("digitserve_shadow_dropped_total") == 0
        client.set_default(2)
        assert client.classify(image_of(3)).digit == 4
        assert scrape(server).value(pairs) == 4, "a version is no shadow of itself"
