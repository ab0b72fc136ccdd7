"""Who submits from threads, and properties that hold whatever comes, in whatever order."""

import asyncio
import threading
import time
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt
from batching import NEVER_S, Images, batching, digits_of, images_of, made, submit_all
from digitserve_serving.batcher import Batcher
from digitserve_serving.errors import DeadlineExpired, QueueFull
from digitserve_serving.row_queue import Request, Result
from gate import Gate
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import expected_probabilities, image_of


class Caller:
    """Submits from a thread of its own, and works, as a transport without an event loop does."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self.settled = threading.Semaphore(0)
        self.answers: dict[int, Any] = {}

    def deliver(self, results: list[Result]) -> None:
        for request, outcome in results:
            assert request.key not in self.answers, "answered twice"
            self.answers[request.key] = outcome
            self.settled.release()

    def ask(self, batches: list[Images]) -> None:
        """Asks about all of them at once; returns when all are answered."""
        requests = [Request(images, self, number) for number, images in enumerate(batches)]
        self.deliver([Result(*refused) for refused in self._batcher.submit(requests, wake=False)])
        while len(self.answers) < len(batches):
            self._batcher.work()
            self._batcher.gather()
        for _ in batches:
            assert self.settled.acquire(timeout=20)


def test_who_submits_may_do_the_work() -> None:
    gate = Gate(is_open=True)
    batcher = made(gate, delay_s=0.001)
    caller = Caller(batcher)
    caller.ask([images_of(1), images_of(2, 3), images_of(4)])
    batcher.close()
    assert gate.rows == [4]
    assert [digits_of(caller.answers[n]) for n in range(3)] == [[1], [2, 3], [4]]


def test_what_is_submitted_for_others_to_work_on_is_answered_however_many_callers_are_expected() -> None:
    batcher = made(Gate(is_open=True), delay_s=0.001)
    Caller(batcher).ask([images_of(1), images_of(2, 3), images_of(4)])
    idle = Caller(batcher)
    assert not batcher.submit([Request(images_of(5), idle, 0)])
    assert idle.settled.acquire(timeout=20)
    batcher.close()
    assert digits_of(idle.answers[0]) == [5]


SIZES = st.lists(st.integers(1, 20), min_size=1, max_size=25)


def random_images(rows: int, rng: np.random.Generator) -> Images:
    return np.stack([image_of(int(rng.integers(10)), int(rng.integers(1, 256))) for _ in range(rows)])


ARRANGEMENTS = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 9),
        "lanes": st.integers(1, 3),
        "delay_s": st.sampled_from([0.0, 0.001]),
        "queue": st.just(1000),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    sizes=SIZES,
    cancelled=st.sets(st.integers(0, 24)),
    expired=st.sets(st.integers(0, 24)),
    runs_between=st.sets(st.integers(0, 24)),
    arrangement=ARRANGEMENTS,
)
def test_every_row_goes_to_its_owner(
    sizes: list[int],
    cancelled: set[int],
    expired: set[int],
    runs_between: set[int],
    arrangement: dict[str, Any],
) -> None:
    rng = np.random.default_rng(len(sizes))
    requests = [random_images(size, rng) for size in sizes]

    async def scenario() -> list[Any]:
        gate = Gate()
        async with batching(gate, **arrangement) as batcher:
            first = await submit_all(batcher, images_of(0))
            await gate.entered()
            tasks = []
            for index, images in enumerate(requests):
                deadline = time.monotonic() + (-1 if index in expired else 60)
                tasks += await submit_all(batcher, images, deadline=deadline)
                if index in runs_between:
                    gate.pass_one()
            for index in cancelled & set(range(len(tasks))):
                tasks[index].cancel()
            gate.open()
            await asyncio.gather(*first)
            return await asyncio.gather(*tasks, return_exceptions=True)

    for index, answer in enumerate(asyncio.run(scenario())):
        if index in expired - cancelled:
            assert isinstance(answer, DeadlineExpired)
        elif isinstance(answer, BaseException):  # what had expired before may say so
            assert index in cancelled
            assert isinstance(answer, asyncio.CancelledError | DeadlineExpired)
        else:
            np.testing.assert_allclose(answer, expected_probabilities(requests[index]), rtol=1e-6)


class Moody:
    """A model that fails in some of its runs."""

    def __init__(self, failing: set[int]) -> None:
        self._failing = failing
        self._runs = 0

    def run(self, images: Images) -> npt.NDArray[np.float32]:
        self._runs += 1
        if self._runs in self._failing:
            raise RuntimeError("out of sorts")
        return expected_probabilities(images)


def test_who_has_two_pieces_in_a_batch_that_fails_is_told_once() -> None:
    with closing(made(Moody({1}), rows=9)) as batcher:
        caller = Caller(batcher)
        large, *small = (Request(images_of(*[1] * rows), caller, rows) for rows in (5, 3, 4))
        batcher.submit([large, *small], wake=False)
        batcher.cancel(large)  # half of the batch is kept for it, and then given to the second of the others
        batcher.work()
    assert [str(caller.answers.pop(rows)) for rows in (3, 4)] == ["out of sorts", "out of sorts"]


@settings(max_examples=60, deadline=None)
@given(
    crowds=st.lists(SIZES, min_size=1, max_size=4),
    failing=st.sets(st.integers(1, 30)),
    rows=st.integers(1, 9),
    lanes=st.integers(1, 3),
    queue=st.sampled_from([20, 10_000]),
)
def test_each_request_of_a_crowd_is_answered_once_and_rightly_or_refused(
    crowds: list[list[int]], failing: set[int], rows: int, lanes: int, queue: int
) -> None:
    rng = np.random.default_rng(len(crowds))
    asked = [[random_images(size, rng) for size in sizes] for sizes in crowds]
    batcher = Batcher(
        Moody(failing).run,
        lanes=lanes,
        max_batch_rows=rows,
        max_queue_rows=queue,
        max_queue_wait_s=NEVER_S,
        max_queue_delay_s=0.001,
    )
    callers = [Caller(batcher) for _ in asked]
    threads = [threading.Thread(target=c.ask, args=(a,)) for c, a in zip(callers, asked, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    batcher.close()
    assert batcher.queued_rows == 0
    for caller, batches in zip(callers, asked, strict=True):
        for number, images in enumerate(batches):
            answer = caller.answers[number]
            if isinstance(answer, Exception):
                assert isinstance(answer, QueueFull | RuntimeError)
            else:
                np.testing.assert_allclose(answer, expected_probabilities(images), rtol=1e-6)
