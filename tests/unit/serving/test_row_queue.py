import math
import time

import numpy as np
import pytest
from digitserve_serving.errors import QueueFull, QueueSlow
from digitserve_serving.row_queue import Request, Result, RowQueue
from hypothesis import given
from hypothesis import strategies as st

BATCH = 8


class Nobody:
    def deliver(self, results: list[Result]) -> None:
        raise AssertionError("a queue delivers nothing")


def request(rows: int, deadline: float = math.inf) -> Request:
    return Request(np.zeros((rows, 28, 28), np.uint8), Nobody(), None, deadline)


def queue_of(*requests: Request, max_rows: int = 1000, max_wait_s: float = 1.0) -> RowQueue:
    queue = RowQueue(max_rows=max_rows, max_wait_s=max_wait_s, small_rows=BATCH // 2)
    for number, waiting in enumerate(requests):
        queue.add(waiting, now=float(number))
    return queue


def taken(queue: RowQueue) -> list[tuple[Request, int, int]]:
    """The next batch: request, first row, rows."""
    pieces, _ = queue.take(BATCH, time.monotonic())
    return [(piece.request, piece.start, len(piece.images)) for piece in pieces]


def test_small_requests_leave_in_the_order_in_which_they_came() -> None:
    requests = [request(3) for _ in range(4)]
    queue = queue_of(*requests)
    assert taken(queue) == [(requests[0], 0, 3), (requests[1], 0, 3), (requests[2], 0, 2)]
    assert taken(queue) == [(requests[2], 2, 1), (requests[3], 0, 3)]
    assert queue.rows == 0


def test_a_large_request_leaves_in_pieces() -> None:
    large = request(20)
    queue = queue_of(large)
    assert [taken(queue) for _ in range(3)] == [[(large, 0, 8)], [(large, 8, 8)], [(large, 16, 4)]]


def test_a_single_image_overtakes_a_queue_of_large_requests() -> None:
    large = [request(256) for _ in range(50)]
    single = request(1)
    assert taken(queue_of(*large, single)) == [(single, 0, 1), (large[0], 0, 7)]


def test_a_large_request_goes_on_behind_endless_single_images() -> None:
    large = request(16)
    queue = queue_of(*(request(1) for _ in range(100)), large)
    rows = 0
    batches = 0
    while rows < 16:
        rows += sum(n for owner, _, n in taken(queue) if owner is large)
        batches += 1
    assert batches == 4, "half of each batch"


def test_what_has_expired_leaves_unrun() -> None:
    late, alive = request(2, deadline=time.monotonic() - 1), request(2, deadline=time.monotonic() + 60)
    queue = queue_of(late, alive)
    pieces, expired = queue.take(BATCH, time.monotonic())
    assert [piece.request for piece in pieces] == [alive]
    assert expired == [late]
    assert queue.rows == 0


def test_what_was_dropped_makes_room_at_once() -> None:
    dropped, other = request(6), request(4)
    queue = queue_of(dropped, other, max_rows=10)
    assert isinstance(queue.refusal(1), QueueFull)
    queue.drop(dropped)
    assert queue.refusal(6) is None
    assert taken(queue) == [(other, 0, 4)]


def test_a_full_queue_refuses_but_never_the_first() -> None:
    assert queue_of(max_rows=4).refusal(100) is None
    refusal = queue_of(request(3), max_rows=4).refusal(2)
    assert isinstance(refusal, QueueFull)
    assert "3 of at most 4 rows are waiting, 2 more do not fit" in str(refusal)


def slow_queue(small: int, large: int, seconds_per_row: float) -> RowQueue:
    waiting = [request(1) for _ in range(small)] + [request(large)] * bool(large)
    queue = queue_of(*waiting, max_wait_s=1.0)
    for _ in range(100):
        queue.note_pace(seconds_per_row, full=True)
    return queue


def test_a_queue_that_takes_too_long_refuses_single_images_and_no_batches() -> None:
    queue = slow_queue(small=30, large=0, seconds_per_row=0.05)
    assert isinstance(queue.refusal(1), QueueSlow)
    assert queue.refusal(BATCH) is None
    assert slow_queue(small=30, large=0, seconds_per_row=0.02).refusal(1) is None


def test_large_requests_do_not_keep_single_images_out() -> None:
    assert slow_queue(small=4, large=500, seconds_per_row=0.05).refusal(1) is None


def test_a_batch_that_was_not_full_never_makes_the_queue_look_slow() -> None:
    queue = queue_of(*(request(1) for _ in range(30)), max_wait_s=1.0)
    for _ in range(100):
        queue.note_pace(10.0, full=False)
    assert queue.refusal(1) is None


def test_a_queue_that_has_become_fast_takes_calls_again() -> None:
    queue = slow_queue(small=30, large=0, seconds_per_row=5.0)
    for _ in range(100):
        queue.note_pace(0.001, full=False)
    assert queue.refusal(1) is None


@given(sizes=st.lists(st.integers(1, 30), max_size=40), room=st.integers(1, 20))
def test_every_row_leaves_once_and_in_order_within_its_request(sizes: list[int], room: int) -> None:
    requests = [request(size) for size in sizes]
    queue = queue_of(*requests)
    left: dict[int, list[int]] = {id(waiting): [] for waiting in requests}
    while queue.rows:
        pieces, _ = queue.take(room, now=0.0)
        assert 0 < sum(len(piece.images) for piece in pieces) <= room
        for piece in pieces:
            left[id(piece.request)] += range(piece.start, piece.start + len(piece.images))
    assert [left[id(waiting)] for waiting in requests] == [list(range(size)) for size in sizes]


@pytest.mark.parametrize("small_first", [True, False])
def test_the_line_that_is_empty_leaves_its_half_to_the_other(small_first: bool) -> None:
    sizes = [1] * 8 if small_first else [100]
    pieces = taken(queue_of(*(request(size) for size in sizes)))
    assert sum(rows for _, _, rows in pieces) == BATCH
