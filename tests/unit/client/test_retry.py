"""When a call is tried again, and when not."""

import asyncio
import contextlib
import socket
from typing import Any

import grpc
import pytest
from digitserve_client import (
    CallError,
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    RequestTooLarge,
    RetryPolicy,
    TryLater,
    Unavailable,
)
from digitserve_client.errors import Facts
from digitserve_client.retry import Retries
from unit.client.conftest import Connect
from unit.client.driver import Driver
from unit.client.fake_server import LOADING, QUEUE_FULL, Failure, FakeServer, digit_images, retry_info

IMAGE = digit_images(4)[3]
SOON = RetryPolicy(initial_backoff_s=0.001, max_backoff_s=0.002)
PLAIN = RetryPolicy(initial_backoff_s=0.1, max_backoff_s=0.5, multiplier=2, jitter=0)


def unavailable(retry_after_s: float | None = None) -> Unavailable:
    return Unavailable("down", Facts(code="UNAVAILABLE", retry_after_s=retry_after_s))


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def delays_s(policy: RetryPolicy, timeout_s: float, error: TryLater, attempt_s: float = 0.0) -> list[float]:
    """The pauses of a call of which every attempt takes `attempt_s` and fails."""
    clock = Clock()
    delays: list[float] = []
    retries = Retries(policy, timeout_s, clock)
    with contextlib.suppress(type(error)):
        while len(delays) < 1000:
            clock.now_s += attempt_s
            delays.append(retries.delay_after_s(error))
            clock.now_s += delays[-1]
    return delays


def test_pauses_grow_to_their_limit_until_the_time_is_over() -> None:
    assert delays_s(PLAIN, 2.0, unavailable()) == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])


def test_attempts_can_be_counted_instead() -> None:
    assert len(delays_s(RetryPolicy(attempts=3, jitter=0), 60, unavailable())) == 2
    assert delays_s(RetryPolicy(attempts=1), 60, unavailable()) == []


def test_the_time_of_attempts_counts() -> None:
    assert len(delays_s(PLAIN, 2.0, unavailable(), attempt_s=0.6)) == 2


def test_the_servers_delay_comes_on_top() -> None:
    assert delays_s(PLAIN, 2.0, unavailable(0.5)) == pytest.approx([0.6, 0.7])


def test_a_delay_that_does_not_fit_ends_it_at_once() -> None:
    assert delays_s(PLAIN, 2.0, unavailable(10)) == []


def test_jitter_spreads_pauses_over_their_whole_range() -> None:
    policy = RetryPolicy(initial_backoff_s=1, max_backoff_s=1)
    first = [Retries(policy, 60).delay_after_s(unavailable()) for _ in range(200)]
    assert 0 <= min(first) < 0.2
    assert 0.8 < max(first) <= 1


def test_running_out_of_time_tells_what_went_wrong_before() -> None:
    late = DeadlineExceeded("late", Facts(code="DEADLINE_EXCEEDED"))
    retries = Retries(PLAIN, 2.0)
    retries.delay_after_s(unavailable())
    with pytest.raises(Unavailable):
        retries.delay_after_s(late)
    with pytest.raises(DeadlineExceeded):
        Retries(PLAIN, 2.0).delay_after_s(late)


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"initial_backoff_s": 0},
        {"initial_backoff_s": 2, "max_backoff_s": 1},
        {"multiplier": 0.5},
        {"jitter": 1.1},
    ],
)
def test_a_policy_out_of_range_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        RetryPolicy(**options)


@pytest.mark.parametrize(
    "failure",
    [LOADING, QUEUE_FULL, Failure(grpc.StatusCode.UNAVAILABLE), Failure(grpc.StatusCode.CANCELLED)],
)
async def test_what_passes_is_ridden_out(connect: Connect, server: FakeServer, failure: Failure) -> None:
    server.fail("ClassifyImage", failure, failure, failure)
    answer = await connect(retry=SOON, timeout_s=20).call("classify", IMAGE)
    assert answer.digit == 3
    assert len(server.requests["ClassifyImage"]) == 4


@pytest.mark.parametrize(
    ("failure", "error_type"),
    [
        (Failure(grpc.StatusCode.INVALID_ARGUMENT), InvalidArgument),
        (Failure(grpc.StatusCode.RESOURCE_EXHAUSTED), RequestTooLarge),
        (Failure(grpc.StatusCode.INTERNAL), CallError),
        (Failure(grpc.StatusCode.DEADLINE_EXCEEDED), DeadlineExceeded),
        (Failure(grpc.StatusCode.ABORTED), CallError),
    ],
)
async def test_what_does_not_pass_is_asked_once(
    connect: Connect, server: FakeServer, failure: Failure, error_type: type[CallError]
) -> None:
    server.fail("ClassifyImage", failure)
    with pytest.raises(error_type):
        await connect(retry=SOON, timeout_s=20).call("classify", IMAGE)
    assert len(server.requests["ClassifyImage"]) == 1


async def test_attempts_are_bounded(connect: Connect, server: FakeServer) -> None:
    server.fail("ClassifyImage", *[LOADING] * 10)
    policy = RetryPolicy(attempts=3, initial_backoff_s=0.001, max_backoff_s=0.001)
    with pytest.raises(Unavailable, match="still loading"):
        await connect(retry=policy, timeout_s=20).call("classify", IMAGE)
    assert len(server.requests["ClassifyImage"]) == 3


async def test_the_deadline_covers_all_attempts(connect: Connect, server: FakeServer) -> None:
    loading = Failure(grpc.StatusCode.UNAVAILABLE, "loading", "MODEL_LOADING", (retry_info(0.2),))
    server.fail("ClassifyImage", loading, loading)
    await connect(retry=SOON).call("classify", IMAGE, timeout_s=5)
    first_s, second_s, third_s = server.timeouts_s
    assert first_s <= 5.1  # the wire rounds up, to tenths of a second here
    assert second_s <= 4.9
    assert third_s <= 4.7


async def test_a_server_that_asks_for_more_time_than_there_is(connect: Connect, server: FakeServer) -> None:
    full = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL", (retry_info(3600),))
    server.fail("ClassifyImage", full)
    with pytest.raises(Overloaded) as raised:
        await connect(retry=SOON, timeout_s=20).call("classify", IMAGE)
    assert raised.value.retry_after_s == 3600


async def test_a_server_that_restarts_is_found_again(connect: Connect) -> None:
    with socket.socket() as listener:  # what a client meets that comes too early: it is hung up on
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        client = connect(f"127.0.0.1:{port}", timeout_s=20)
        call = asyncio.create_task(client.call("classify", IMAGE))
        connection, _ = await asyncio.to_thread(listener.accept)
        connection.close()
    server = FakeServer(port=port)
    try:
        assert (await call).digit == 3
    finally:
        server.close()


async def test_calls_go_around_a_dead_replica(client: Driver, connect: Connect, server: FakeServer) -> None:
    other = FakeServer()
    both = connect(f"ipv4:{server.target},{other.target}", timeout_s=20)
    try:
        for _ in range(20):
            await both.call("classify", IMAGE)
        assert server.requests["ClassifyImage"]
        assert other.requests["ClassifyImage"]
    finally:
        other.close()
    for _ in range(20):
        await both.call("classify", IMAGE)
