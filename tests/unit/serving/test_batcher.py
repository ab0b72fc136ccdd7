import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from digitserve_serving.batcher import Batcher
from digitserve_serving.errors import DeadlineExpired, Draining, QueueFull
from gate import Gate
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import expected_probabilities, image_of

Images = npt.NDArray[np.uint8]


def images_of(*digits: int) -> Images:
    return np.stack([image_of(digit) for digit in digits])


@asynccontextmanager
async def batching(
    gate: Gate, max_batch_rows: int = 8, max_queue_rows: int = 16, max_queue_delay_s: float = 0.0
) -> AsyncIterator[Batcher]:
    with ThreadPoolExecutor(1) as executor:
        batcher = Batcher(
            gate.run,
            executor,
            max_batch_rows=max_batch_rows,
            max_queue_rows=max_queue_rows,
            max_queue_delay_s=max_queue_delay_s,
        )
        try:
            yield batcher
        finally:
            gate.open()
            await batcher.close()


async def submit_all(batcher: Batcher, *batches: Images, **options: Any) -> list[asyncio.Task[Any]]:
    """Submits all, and returns once each stands in the queue."""
    tasks = [asyncio.create_task(batcher.submit(images, **options)) for images in batches]
    await asyncio.sleep(0)
    return tasks


async def test_an_idle_batcher_runs_at_once() -> None:
    async with batching(Gate(is_open=True)) as batcher:
        answer = await batcher.submit(images_of(7))
    assert answer.argmax() == 7


async def test_what_comes_while_a_batch_runs_goes_together_into_the_next() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        tasks = await submit_all(batcher, images_of(0))
        await gate.entered()
        tasks += await submit_all(batcher, images_of(1), images_of(2, 3), images_of(4))
        gate.open()
        answers = [np.argmax(answer, axis=1).tolist() for answer in await asyncio.gather(*tasks)]
    assert gate.rows == [1, 4]
    assert answers == [[0], [1], [2, 3], [4]]


async def three_together(batcher: Batcher, gate: Gate) -> None:
    """Lets three callers be answered by one batch."""
    gate.shut()
    tasks = await submit_all(batcher, images_of(0))
    await gate.entered()
    tasks += await submit_all(batcher, images_of(1), images_of(2), images_of(3))
    gate.open()
    await asyncio.gather(*tasks)
    assert gate.rows == [1, 3]
    gate.batches.clear()


NEVER_S = 3600.0


async def test_a_lone_caller_is_never_kept_waiting() -> None:
    async with batching(Gate(is_open=True), max_queue_delay_s=NEVER_S) as batcher:
        for digit in range(5):
            assert (await batcher.submit(images_of(digit))).argmax() == digit


async def test_the_callers_of_the_last_batch_are_waited_for() -> None:
    gate = Gate(is_open=True)
    async with batching(gate, max_queue_delay_s=NEVER_S) as batcher:
        await three_together(batcher, gate)
        tasks = await submit_all(batcher, images_of(4)) + await submit_all(batcher, images_of(5))
        await asyncio.sleep(0)
        assert not gate.rows
        tasks += await submit_all(batcher, images_of(6))
        await asyncio.gather(*tasks)
        assert gate.rows == [3]


async def test_a_full_batch_does_not_wait_for_more_callers() -> None:
    gate = Gate(is_open=True)
    async with batching(gate, max_queue_delay_s=NEVER_S) as batcher:
        await three_together(batcher, gate)
        await batcher.submit(images_of(*range(8)))
        assert gate.rows == [8]


async def test_who_does_not_come_again_is_waited_for_only_once() -> None:
    gate = Gate(is_open=True)
    async with batching(gate, max_queue_delay_s=0.001) as batcher:
        await three_together(batcher, gate)
        assert (await batcher.submit(images_of(7))).argmax() == 7


async def test_closing_does_not_wait_for_callers() -> None:
    gate = Gate(is_open=True)
    async with batching(gate, max_queue_delay_s=NEVER_S) as batcher:
        await three_together(batcher, gate)
        (task,) = await submit_all(batcher, images_of(4))
        await batcher.close()
        with pytest.raises(Draining):
            await task


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
    async with batching(gate, max_queue_rows=21) as batcher:
        answer = await batcher.submit(images_of(*digits))
    assert gate.rows == [8, 8, 5]
    assert answer.argmax(axis=1).tolist() == digits


async def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        tasks = await submit_all(batcher, images_of(0))
        await gate.entered()
        tasks += await submit_all(batcher, images_of(*range(10)), images_of(*range(6)))
        with pytest.raises(QueueFull, match="16 of at most 16 rows are waiting, 1 more") as refused:
            await batcher.submit(images_of(1))
        gate.open()
        await asyncio.gather(*tasks)
        assert batcher.queued_rows == 0
    assert 0 < refused.value.retry_after_s <= 1


async def test_who_waits_for_room_gets_it() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        tasks = await submit_all(batcher, images_of(0))
        await gate.entered()
        tasks += await submit_all(batcher, images_of(*range(10)), images_of(*range(6)))
        patient = asyncio.create_task(batcher.submit(images_of(3), wait_for_room=True))
        await asyncio.sleep(0)
        gate.open()
        assert (await patient).argmax() == 3
        await asyncio.gather(*tasks)


async def test_cancelled_rows_free_the_queue_at_once() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        first = await submit_all(batcher, images_of(0))
        await gate.entered()
        (task,) = await submit_all(batcher, images_of(*range(10)))
        assert batcher.queued_rows == 10
        task.cancel()
        await asyncio.sleep(0)
        assert batcher.queued_rows == 0
        gate.open()
        await asyncio.gather(*first)


async def test_a_failing_run_fails_its_batch_and_no_other() -> None:
    gate = Gate(is_open=True)
    async with batching(gate) as batcher:
        gate.error = RuntimeError("no more memory")
        with pytest.raises(RuntimeError, match="no more memory"):
            await batcher.submit(images_of(1))
        gate.error = None
        assert (await batcher.submit(images_of(2))).argmax() == 2
        assert batcher.queued_rows == 0


async def test_closing_answers_what_runs_and_refuses_what_waits() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        running = await submit_all(batcher, images_of(0))
        await gate.entered()
        waiting = await submit_all(batcher, images_of(1))
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        gate.open()
        await closing
        assert np.argmax(await running[0]) == 0
        with pytest.raises(Draining):
            await waiting[0]
        with pytest.raises(Draining):
            await batcher.submit(images_of(2))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=25),
    cancelled=st.sets(st.integers(0, 24)),
    max_batch_rows=st.integers(1, 9),
    max_queue_delay_s=st.sampled_from([0.0, 0.001]),
)
def test_every_row_goes_to_its_owner(
    sizes: list[int], cancelled: set[int], max_batch_rows: int, max_queue_delay_s: float
) -> None:
    rng = np.random.default_rng(len(sizes))
    requests = [
        np.stack([image_of(int(rng.integers(10)), int(rng.integers(1, 256))) for _ in range(size)])
        for size in sizes
    ]

    async def scenario() -> list[Any]:
        gate = Gate()
        async with batching(gate, max_batch_rows, 1000, max_queue_delay_s) as batcher:
            tasks = await submit_all(batcher, *requests)
            await gate.entered()
            for index in cancelled & set(range(len(tasks))):
                tasks[index].cancel()
            gate.open()
            answers: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
            assert batcher.queued_rows == 0
            return answers

    for index, answer in enumerate(asyncio.run(scenario())):
        if index in cancelled:
            assert isinstance(answer, asyncio.CancelledError)
        else:
            np.testing.assert_allclose(answer, expected_probabilities(requests[index]), rtol=1e-6)
