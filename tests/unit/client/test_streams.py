"""Streams: order, bounds, and what happens when someone leaves."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from digitserve_client import AsyncDigitClient, InvalidImage, RetryPolicy, ServerError
from unit.client.conftest import Connect
from unit.client.driver import Driver
from unit.client.fake_server import LOADING, Failure, FakeServer, digit_images


async def digits_of(stream: AsyncIterator[Any]) -> list[int]:
    return [answer.digit async for answer in stream]


async def gather_into(digits: list[int], stream: AsyncIterator[Any]) -> None:
    """As digits_of, but what came before an error is not lost."""
    async for answer in stream:
        digits.append(answer.digit)  # noqa: PERF401


def endless(pulled: list[int]) -> Iterator[Any]:
    """Images for ever; `pulled` counts those that were taken."""
    images = digit_images(10)
    for number in itertools.count():
        pulled.append(number)
        yield images[number % 10]


async def test_one_answer_an_image_in_their_order(client: Driver, server: FakeServer) -> None:
    stream = client.stream(iter(digit_images(1000)), batch_rows=64)
    assert await digits_of(stream) == [number % 10 for number in range(1000)]
    assert {len(request.pixels) // 784 for request in server.requests["BatchClassifyImages"]} == {64, 40}


async def test_images_and_arrays_of_images_may_alternate(client: Driver, server: FakeServer) -> None:
    images = digit_images(100)
    mixed = [images[0], images[1:1], images[1:50], images[50].astype(bool) * 0.0, images[51:]]
    with pytest.raises(InvalidImage, match="no images"):
        await digits_of(client.stream(mixed, batch_rows=32))
    del mixed[1]
    expected = [0 if number == 50 else number % 10 for number in range(100)]
    assert await digits_of(client.stream(mixed, batch_rows=32)) == expected


async def test_one_image_is_a_stream_of_one(client: Driver) -> None:
    image = digit_images(4)[3]
    assert await digits_of(client.stream(image)) == [3]
    with pytest.raises(FileNotFoundError, match=r"'gone\.png'$"):  # and not 'g'
        await digits_of(client.stream("gone.png"))


async def test_no_images_no_answers(client: Driver, server: FakeServer) -> None:
    assert await digits_of(client.stream([])) == []
    assert not server.requests


async def test_probabilities_can_be_asked_for(client: Driver) -> None:
    answers = [answer async for answer in client.stream(digit_images(3), probabilities=True)]
    assert [np.argmax(answer.probabilities) for answer in answers] == [0, 1, 2]


async def test_no_more_than_in_flight_calls_are_under_way(client: Driver, server: FakeServer) -> None:
    server.hold()
    pulled: list[int] = []
    stream = client.stream(endless(pulled), batch_rows=5, in_flight=3)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.to_thread(server.wait_until, lambda: server.running == 3)
    assert len(pulled) == 15
    server.release()
    await first
    for _ in range(200):
        await anext(stream)
    await stream.aclose()
    assert server.most_running == 3
    assert len(pulled) <= 201 + 3 * 5


async def test_leaving_early_cancels_what_is_under_way(client: Driver, server: FakeServer) -> None:
    server.hold(unless=lambda request: request.pixels[0] == 0)  # the first batch
    stream = client.stream(endless([]), batch_rows=2, in_flight=3)
    assert (await anext(stream)).digit == 0
    # The first answer may come before the third call is made; the second call is held by the server.
    await asyncio.to_thread(server.wait_until, lambda: len(server.requests["BatchClassifyImages"]) >= 2)
    await stream.aclose()
    await asyncio.to_thread(server.wait_until, lambda: server.running == 0)
    assert len(server.requests["BatchClassifyImages"]) <= 3


async def test_what_the_iterator_raises_comes_after_the_answers_before_it(client: Driver) -> None:
    def images() -> Iterator[Any]:
        yield from digit_images(23)
        raise LookupError("the folder is gone")

    answers: list[int] = []
    with pytest.raises(LookupError, match="the folder is gone"):
        await gather_into(answers, client.stream(images(), batch_rows=10))
    assert answers == [number % 10 for number in range(23)]


async def test_a_bad_image_comes_after_the_answers_before_it(client: Driver) -> None:
    images = [*digit_images(5), np.zeros((3, 3)), *digit_images(5)]
    answers: list[int] = []
    with pytest.raises(InvalidImage, match=r"shape \(3, 3\)"):
        await gather_into(answers, client.stream(images))
    assert answers == [0, 1, 2, 3, 4]


async def test_a_call_that_fails_ends_the_stream_with_its_error(client: Driver, server: FakeServer) -> None:
    server.fail("BatchClassifyImages", Failure(grpc.StatusCode.INTERNAL))
    with pytest.raises(ServerError):
        await digits_of(client.stream(endless([]), batch_rows=10))
    await asyncio.to_thread(server.wait_until, lambda: server.running == 0)


async def test_every_call_of_a_stream_is_tried_again_for_itself(connect: Connect, server: FakeServer) -> None:
    server.fail("BatchClassifyImages", *[LOADING] * 30)
    client = connect(timeout_s=20, retry=RetryPolicy(initial_backoff_s=0.001, max_backoff_s=0.002))
    stream = client.stream(digit_images(100), batch_rows=10)
    assert await digits_of(stream) == [number % 10 for number in range(100)]
    assert len(server.requests["BatchClassifyImages"]) == 40


async def test_a_restart_of_the_server_loses_nothing(client: Driver, server: FakeServer) -> None:
    stream = client.stream(iter(digit_images(200)), batch_rows=10)
    digits = [(await anext(stream)).digit for _ in range(50)]
    server.close(grace_s=20)
    successor = FakeServer(port=server.port)
    try:
        digits += await digits_of(stream)
    finally:
        successor.close()
    assert digits == [number % 10 for number in range(200)]
    assert successor.requests["BatchClassifyImages"]


@pytest.mark.parametrize(
    "options",
    [{"batch_rows": 0}, {"batch_rows": 4097}, {"in_flight": 0}, {"in_flight": 65}, {"timeout_s": -1}],
)
async def test_settings_out_of_range_are_refused_at_once(client: Driver, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        client.stream([], **options)


async def test_asyncio_takes_async_iterables(server: FakeServer) -> None:
    async def images() -> AsyncIterator[Any]:
        for image in digit_images(25):
            await asyncio.sleep(0)
            yield image

    async with AsyncDigitClient(server.target, timeout_s=20) as client:
        digits = [answer.digit async for answer in client.classify_stream(images(), batch_rows=10)]
    assert digits == [number % 10 for number in range(25)]


async def test_each_answer_before_the_next_image(client: Driver) -> None:
    pulled: list[int] = []
    stream = client.stream(endless(pulled), batch_rows=1, in_flight=1)
    for number in range(5):
        assert (await anext(stream)).digit == number
        assert len(pulled) == number + 1
    await stream.aclose()
