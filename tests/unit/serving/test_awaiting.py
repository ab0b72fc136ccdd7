"""Callers who wait for room: those of streams."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from batching import batching, digits_of, images_of, submit_all
from digitserve_serving.awaiting import AsyncBatcher
from digitserve_serving.errors import DeadlineExpired, QueueSlow
from gate import Gate


async def test_who_waits_for_room_gets_it() -> None:
    gate = Gate()
    async with batching(gate) as batcher:
        tasks = await submit_all(batcher, images_of(0))
        await gate.entered()
        tasks += await submit_all(batcher, images_of(*range(10)), images_of(*range(6)))
        patient = await submit_all(batcher, *[images_of(3, 4)] * 3, wait_for_room=True)
        gate.open()
        assert [digits_of(answer) for answer in await asyncio.gather(*patient)] == [[3, 4]] * 3
        await asyncio.gather(*tasks)


@asynccontextmanager
async def slow(gate: Gate) -> AsyncIterator[tuple[AsyncBatcher, list[asyncio.Task[Any]]]]:
    """A batcher with one image that computes and one that waits: nobody is to wait behind that one."""
    async with batching(gate, wait_s=0.0) as batcher:
        await batcher.classify(images_of(*range(8)))  # a full batch: the pace is known from now on
        gate.shut()
        tasks = await submit_all(batcher, images_of(0))
        await gate.entered()
        tasks += await submit_all(batcher, images_of(1))
        with pytest.raises(QueueSlow):
            await batcher.classify(images_of(2))
        yield batcher, tasks
        gate.open()
        assert [digits_of(answer) for answer in await asyncio.gather(*tasks)] == [[0], [1]]


async def test_who_waits_for_room_is_answered_however_slow_the_queue_is() -> None:
    gate = Gate(is_open=True)
    async with slow(gate) as (batcher, _):
        patient = await submit_all(batcher, *[images_of(3)] * 20, images_of(4, 5), wait_for_room=True)
        gate.open()
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*patient)
    assert [digits_of(answer) for answer in answers] == [[3]] * 20 + [[4, 5]]


async def test_who_is_cancelled_while_waiting_for_room_never_runs_and_holds_up_nobody() -> None:
    gate = Gate(is_open=True)
    async with slow(gate) as (batcher, _):
        gone, stays = await submit_all(batcher, images_of(6), images_of(7), wait_for_room=True)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        gate.open()
        assert digits_of(await asyncio.wait_for(stays, 20)) == [7]
    assert 6 not in [digit for batch in gate.batches for digit in batch[:, 0, :10].argmax(axis=1)]


async def test_whose_deadline_passes_while_waiting_for_room_never_runs() -> None:
    gate = Gate(is_open=True)
    async with slow(gate) as (batcher, _):
        (late,) = await submit_all(batcher, images_of(6), wait_for_room=True, deadline=time.monotonic())
        gate.open()
        with pytest.raises(DeadlineExpired):
            await asyncio.wait_for(late, 20)
    assert 6 not in [digit for batch in gate.batches for digit in batch[:, 0, :10].argmax(axis=1)]
