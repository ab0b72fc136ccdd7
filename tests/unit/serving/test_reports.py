"""What workers report, some of whom are silent, or have ended."""

import asyncio
from typing import Any, cast

import pytest
from digitserve_serving import reports
from digitserve_serving.metrics import families
from digitserve_serving.metrics.families import Snapshot, encoded
from digitserve_serving.reports import Reports

CALLS = (families.CALLS.name, ("a/b", "OK"))
QUEUED = (families.QUEUED.name, ("digits", "1"))
RESTARTS = (families.RESTARTS.name, ())
PROCESSES = (families.PROCESSES.name, ())


def numbers(calls: int, queued: int = 0) -> Snapshot:
    return {CALLS: [calls], QUEUED: [queued]}


class Stdin:
    """Of a worker that answers each question at once with the next of its answers, while it has some."""

    def __init__(self, reports: Reports, number: int, *answers: Snapshot) -> None:
        self._reports, self._number, self._answers = reports, number, list(answers)
        self.asked = 0

    def write(self, _: bytes) -> None:
        self.asked += 1
        if self._answers:
            # As it comes from the other process: later, and as bytes.
            line = encoded(self._answers.pop(0))
            asyncio.get_running_loop().call_soon(self._reports.tells, self._number, line)


def joined(all_of_them: Reports, number: int, *answers: Snapshot) -> Stdin:
    stdin = Stdin(all_of_them, number, *answers)
    all_of_them.serves(number, cast("Any", stdin))
    return stdin


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PATIENCE_S", 0.01)


async def test_sums_are_of_all_workers() -> None:
    both = Reports()
    joined(both, 1, numbers(3, queued=1))
    joined(both, 2, numbers(4, queued=5))
    assert await both.snapshot() == {CALLS: [7], QUEUED: [6], RESTARTS: [0], PROCESSES: [0]}


async def test_nobody_serves_yet_and_that_can_be_seen() -> None:
    assert await Reports().snapshot() == {RESTARTS: [0], PROCESSES: [0]}


@pytest.mark.usefixtures("impatient")
async def test_a_silent_worker_keeps_its_counters_and_is_asked_only_once() -> None:
    both = Reports()
    joined(both, 1, numbers(3), numbers(5), numbers(9))
    silent = joined(both, 2, numbers(4, queued=5))
    await both.snapshot()
    for calls in (5, 9):
        assert await both.snapshot() == {CALLS: [calls + 4], QUEUED: [0], RESTARTS: [0], PROCESSES: [0]}
    assert silent.asked == 2


async def test_what_a_worker_has_done_outlives_it() -> None:
    both = Reports()
    joined(both, 1, numbers(3), numbers(6))
    joined(both, 2, numbers(4, queued=5))
    await both.snapshot()
    both.tells(2, encoded(numbers(8, queued=5)))  # for the last time
    both.ends(2)
    both.starts_again()
    assert await both.snapshot() == {CALLS: [14], QUEUED: [0], RESTARTS: [1], PROCESSES: [0]}


@pytest.mark.usefixtures("impatient")
async def test_a_worker_that_ends_while_it_is_asked_is_not_waited_for() -> None:
    one = Reports()
    joined(one, 1, numbers(3))
    await one.snapshot()
    asyncio.get_running_loop().call_soon(one.ends, 1)
    assert await one.snapshot() == {CALLS: [3], RESTARTS: [0], PROCESSES: [0]}


@pytest.mark.usefixtures("impatient")
async def test_a_worker_that_answers_and_ends_while_another_is_waited_for_counts_once() -> None:
    both = Reports()
    joined(both, 1, numbers(3))
    joined(both, 2)
    reading = asyncio.create_task(both.snapshot())
    for _ in range(2):  # asks, and gets the first one's answer
        await asyncio.sleep(0)
    both.ends(1)
    assert (await reading)[CALLS] == [3]


async def test_two_who_read_at_the_same_time_get_each_worker_once() -> None:
    both = Reports()
    joined(both, 1, numbers(3))
    slow = joined(both, 2)
    first = asyncio.create_task(both.snapshot())
    for _ in range(2):  # asks, and gets the first one's answer
        await asyncio.sleep(0)
    second = asyncio.create_task(both.snapshot())
    await asyncio.sleep(0)
    both.tells(2, encoded(numbers(4)))
    assert slow.asked == 1
    assert (await first)[CALLS] == [7]
    both.tells(1, encoded(numbers(3)))
    assert (await second)[CALLS] == [7]


@pytest.mark.parametrize("line", [b"Some library's banner\n", b'[["caf\xe9", ["latin-1"], [1]]]\n', b"\n"])
async def test_what_is_no_report_changes_nothing(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    one = Reports()
    joined(one, 1, numbers(3))
    one.tells(1, line)
    assert "worker 1 wrote a line that is no report" in caplog.text
    assert (await one.snapshot())[CALLS] == [3]
