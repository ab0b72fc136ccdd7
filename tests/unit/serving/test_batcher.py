import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from batching import NEVER_S, Images, batching, digits_of, images_of, made, submit_all
from digitserve_serving.awaiting import AsyncBatcher
from digitserve_serving.errors import DeadlineExpired, Draining, QueueFull
from digitserve_serving.row_queue import Piece
from gate import Gate
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import expected_probabilities


async def test_an_idle_batcher_runs_at_once() -> None:
    async with batching(Gate(is_open=True), delay_s=NEVER_S) as batcher:
        assert digits_of(await batcher.classify(images_of(7))) == [7]


async def test_what_comes_while_a_batch_runs_goes_together_into_the_next() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        tasks = await submit_all(batcher, images_of(0))
        await gate.entered()
        tasks += await submit_all(batcher, images_of(1), images_of(2, 3), images_of(4))
        gate.open()
        answers = [digits_of(answer) for answer in await asyncio.gather(*tasks)]
    assert gate.rows == [1, 4]
    assert answers == [[0], [1], [2, 3], [4]]


async def three_together(batcher: AsyncBatcher, gate: Gate) -> None:
    """Lets three callers be answered by one batch."""
    gate.shut()
    tasks = await submit_all(batcher, images_of(0))
    await gate.entered()
    tasks += await submit_all(batcher, images_of(1), images_of(2), images_of(3))
    gate.open()
    await asyncio.gather(*tasks)
    assert gate.rows == [1, 3]
    gate.batches.clear()


async def test_a_lone_caller_is_never_kept_waiting() -> None:
    async with batching(Gate(is_open=True), delay_s=NEVER_S) as batcher:
        for digit in range(5):
            assert digits_of(await batcher.classify(images_of(digit))) == [digit]


async def test_a_lone_caller_is_soon_served_without_another_thread() -> None:
    threads = []

    def run(images: Images) -> npt.NDArray[np.float32]:
        threads.append(threading.current_thread())
        return expected_probabilities(images)

    gate = Gate(is_open=True)
    gate.run = run  # type: ignore[method-assign]
    async with batching(gate, lanes=2) as batcher:
        for digit in range(100):
            assert digits_of(await batcher.classify(images_of(digit % 10))) == [digit % 10]
        assert threads[-1] is threading.current_thread()
        tasks = await submit_all(batcher, images_of(1), images_of(2), images_of(3))
        await asyncio.gather(*tasks)
        await batcher.classify(images_of(4))
        assert threads[-1] is not threading.current_thread(), "there are others now"


async def test_a_lone_caller_may_ask_for_more_than_a_batch() -> None:
    async with batching(Gate(is_open=True), lanes=1, rows=8, queue=100) as batcher:
        for digit in range(30):
            await batcher.classify(images_of(digit % 10))
        for _ in range(30):
            answer = await asyncio.wait_for(batcher.classify(images_of(*range(10), *range(10))), 20)
            assert digits_of(answer) == [*range(10), *range(10)]


async def test_the_callers_of_the_last_batch_are_waited_for() -> None:
    gate = Gate(is_open=True)
    async with batching(gate, delay_s=NEVER_S) as batcher:
        await three_together(batcher, gate)
        tasks = await submit_all(batcher, images_of(4)) + await submit_all(batcher, images_of(5))
        assert not gate.rows
        tasks += await submit_all(batcher, images_of(6))
        await asyncio.gather(*tasks)
        assert gate.rows == [3]


async def test_a_full_batch_does_not_wait_for_more_callers() -> None:
    gate = Gate(is_open=True)
    async with batching(gate, delay_s=NEVER_S) as batcher:
        await three_together(batcher, gate)
        await batcher.classify(images_of(*range(8)))
        assert gate.rows == [8]


async def test_who_does_not_come_again_is_waited_for_only_once() -> None:
    gate = Gate(is_open=True)
    async with batching(gate, delay_s=0.001) as batcher:
        await three_together(batcher, gate)
        assert digits_of(await batcher.classify(images_of(7))) == [7]


async def test_closing_does_not_wait_for_callers() -> None:
    gate = Gate(is_open=True)
    batcher = made(gate, delay_s=NEVER_S)
    await three_together(AsyncBatcher(batcher), gate)
    (task,) = await submit_all(AsyncBatcher(batcher), images_of(4))
    await asyncio.to_thread(batcher.close)
    with pytest.raises(Draining):
        await task


async def test_two_lanes_compute_two_batches_at_once() -> None:
    gate = Gate()
    async with batching(gate, lanes=2, queue=100) as batcher:
        tasks = await submit_all(batcher, images_of(*range(10), *range(10)))
        await gate.entered()
        await gate.entered()
        assert gate.rows == [8, 8]
        gate.open()
        assert digits_of(await tasks[0]) == [*range(10), *range(10)]


async def test_a_batch_of_few_images_is_shared_among_the_lanes_that_are_free() -> None:
    gate = Gate()
    async with batching(gate, lanes=2) as batcher:
        tasks = await submit_all(batcher, images_of(*range(6)))
        await gate.entered()
        await gate.entered()
        assert gate.rows == [3, 3]
        gate.open()
        assert digits_of(await tasks[0]) == list(range(6))


async def test_a_lone_image_waits_for_the_other_lane_only_so_long() -> None:
    gate = Gate()
    async with batching(gate, lanes=2, rows=64, delay_s=0.001) as batcher:
        tasks = await submit_all(batcher, images_of(1))
        await gate.entered()
        tasks += await submit_all(batcher, images_of(2))
        await gate.entered()
        gate.open()
        await asyncio.gather(*tasks)
    assert gate.rows == [1, 1]


@pytest.mark.parametrize("victim", range(4))
async def test_cancel_one_of_four_before_the_run_and_three_still_answer(victim: int) -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        first = await submit_all(batcher, images_of(9))
        await gate.entered()
        tasks = await submit_all(batcher, *(images_of(digit) for digit in range(4)))
        tasks[victim].cancel()
        await asyncio.sleep(0)
        gate.open()
        answers: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*first)
    assert gate.rows == [1, 3], "what was cancelled must not run"
    assert isinstance(answers.pop(victim), asyncio.CancelledError)
    assert [np.argmax(a) for a in answers] == [d for d in range(4) if d != victim]


@pytest.mark.parametrize("victim", range(4))
async def test_cancel_one_of_four_during_the_run_and_three_still_answer(victim: int) -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        first = await submit_all(batcher, images_of(9))
        await gate.entered()
        tasks = await submit_all(batcher, *(images_of(digit) for digit in range(4)))
        gate.pass_one()
        await gate.entered()
        tasks[victim].cancel()
        await asyncio.sleep(0)
        gate.open()
        answers: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*first)
    assert isinstance(answers.pop(victim), asyncio.CancelledError)
    assert [np.argmax(a) for a in answers] == [d for d in range(4) if d != victim]


async def test_an_expired_call_never_runs() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        first = await submit_all(batcher, images_of(0))
        await gate.entered()
        expired = await submit_all(batcher, images_of(5), deadline=time.monotonic() - 0.001)
        alive = await submit_all(batcher, images_of(6), deadline=time.monotonic() + 60)
        gate.open()
        with pytest.raises(DeadlineExpired):
            await expired[0]
        await asyncio.gather(*first, *alive)
    assert [batch[:, 0, :10].argmax(axis=1).tolist() for batch in gate.batches] == [[0], [6]]


async def test_a_large_request_is_split_and_comes_back_whole() -> None:
    gate = Gate(is_open=True)
    digits = [row % 10 for row in range(21)]
    async with batching(gate, queue=21) as batcher:
        answer = await batcher.classify(images_of(*digits))
    assert gate.rows == [8, 8, 5]
    assert digits_of(answer) == digits


async def test_who_has_an_answer_finds_all_of_its_batches_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counting, counted, go_on = threading.Event(), threading.Event(), threading.Event()

    class Model:
        def run(self, images: Images) -> npt.NDArray[np.float32]:
            answers = expected_probabilities(images)
            assert digits_of(answers)[0] == 1 or counting.wait(20)  # the second batch ends after the first
            return answers

    def slow_for_the_first(pieces: Sequence[Piece], *others: Any) -> None:
        if not pieces[0].start:
            counting.set()
            assert go_on.wait(20)
        count(pieces, *others)
        counted.set()

    batcher = made(Model(), lanes=2)
    count = batcher.counts.ran
    monkeypatch.setattr(batcher.counts, "ran", slow_for_the_first)
    (task,) = await submit_all(AsyncBatcher(batcher), images_of(*[1] * 8, *[2] * 8))
    assert await asyncio.to_thread(counted.wait, 20)  # the second
    await asyncio.sleep(0.1)
    assert not task.done()
    go_on.set()
    await task
    assert batcher.counts.now().rows == 16
    await asyncio.to_thread(batcher.close)


async def test_a_single_image_does_not_wait_for_the_large_requests_before_it() -> None:
    gate = Gate()
    async with batching(gate, queue=1000) as batcher:
        large = await submit_all(batcher, *(images_of(*[0] * 64) for _ in range(5)))
        await gate.entered()
        (single,) = await submit_all(batcher, images_of(7))
        gate.pass_one()
        await gate.entered()
        gate.pass_one()
        assert digits_of(await single) == [7]
        assert gate.rows[:2] == [8, 8]
        gate.open()
        await asyncio.gather(*large)


@settings(max_examples=40, deadline=None)
@given(
    large=st.lists(st.integers(5, 256), min_size=1, max_size=12),
    runs_before=st.integers(0, 3),
)
def test_a_single_image_waits_for_two_batches_of_the_large_requests_before_it_at_most(
    large: list[int], runs_before: int
) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with batching(gate, queue=10_000) as batcher:
            tasks = await submit_all(batcher, *(images_of(*[0] * rows) for rows in large))
            for _ in range(min(runs_before, sum(large) // 8)):
                await gate.entered()
                gate.pass_one()
            (single,) = await submit_all(batcher, images_of(7))
            seen = len(gate.batches)
            gate.open()
            assert digits_of(await single) == [7]
            await asyncio.gather(*tasks)
        with_it = next(n for n, rows in enumerate(gate.batches) if 7 in rows[:, 0, :10].argmax(axis=1))
        assert with_it <= seen + 1, "one of those seen is computed; one may have been taken just then"

    asyncio.run(scenario())


async def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        tasks = await submit_all(batcher, images_of(0))
        await gate.entered()
        tasks += await submit_all(batcher, images_of(*range(10)), images_of(*range(6)))
        with pytest.raises(QueueFull, match="16 of at most 16 rows are waiting, 1 more") as refused:
            await batcher.classify(images_of(1))
        gate.open()
        await asyncio.gather(*tasks)
    assert 0 < refused.value.retry_after_s <= 1


async def test_cancelled_rows_make_room_at_once() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        tasks = await submit_all(batcher, images_of(0))
        await gate.entered()
        (victim,) = await submit_all(batcher, images_of(*range(10), *range(6)))
        victim.cancel()
        await asyncio.sleep(0)
        tasks += await submit_all(batcher, images_of(*range(10), *range(6)))
        gate.open()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("lanes", [1, 2])
async def test_a_failing_run_fails_its_batch_and_no_other(lanes: int) -> None:
    gate = Gate(is_open=True)
    async with batching(gate, lanes=lanes, queue=100) as batcher:
        gate.error = RuntimeError("no more memory")
        for rows in (1, 6, 30):  # on one lane, on both, in pieces
            with pytest.raises(RuntimeError, match="no more memory"):
                await batcher.classify(images_of(*[1] * rows))
        gate.error = None
        assert digits_of(await batcher.classify(images_of(2))) == [2]


async def test_closing_answers_what_runs_and_refuses_what_waits() -> None:
    gate = Gate()
    batcher = made(gate)
    running = await submit_all(AsyncBatcher(batcher), images_of(0))
    await gate.entered()
    waiting = await submit_all(AsyncBatcher(batcher), images_of(1))
    closing = asyncio.create_task(asyncio.to_thread(batcher.close))
    with pytest.raises(Draining):
        await waiting[0]
    gate.open()
    await closing
    assert digits_of(await running[0]) == [0]
    with pytest.raises(Draining):
        await AsyncBatcher(batcher).classify(images_of(2))
