import numpy as np
import pytest
from digitserve_serving.counts import Counts, Span
from digitserve_serving.row_queue import Piece, Request, Result


class Nobody:
    def deliver(self, results: list[Result]) -> None: ...


def request(rows: int, arrived: float) -> Request:
    asked = Request(np.zeros((rows, 2, 2), np.uint8), Nobody(), None)
    asked.arrived = arrived
    return asked


def piece(asked: Request, start: int, rows: int) -> Piece:
    return Piece(asked, start, asked.images[start : start + rows])


def answer(asked: Request) -> Result:
    return Result(asked, np.zeros((len(asked.images), 2), np.float32))


def test_requests_that_run_together_are_each_counted() -> None:
    counts, one, three = Counts(), request(1, 10.0), request(3, 11.0)
    counts.ran([piece(one, 0, 1), piece(three, 0, 3)], 1, 12.0, 14.0)
    counts.answered([answer(one), answer(three)], 14.0)
    numbers = counts.now()
    assert numbers.rows == 4
    assert numbers.queue == Span(2, 2.0 + 1.0)
    assert numbers.compute == Span(2, 2.0 + 2.0)
    assert numbers.success == Span(2, 4.0 + 3.0)
    assert numbers.runs == {4: Span(1, 2.0)}
    assert numbers.last_run == 14.0


def test_a_request_in_two_batches_is_one_request() -> None:
    counts, asked = Counts(), request(5, 10.0)
    counts.ran([piece(asked, 0, 3)], 1, 11.0, 12.0)
    counts.answered([], 12.0)
    assert counts.now().success == Span()
    counts.ran([piece(asked, 3, 2)], 1, 12.0, 14.0)
    counts.answered([answer(asked)], 14.0)
    numbers = counts.now()
    assert numbers.rows == 5
    assert numbers.queue == Span(1, 1.0)
    assert numbers.compute == Span(1, 1.0 + 2.0)
    assert numbers.success == Span(1, 4.0)
    assert numbers.runs == {3: Span(1, 1.0), 2: Span(1, 2.0)}


@pytest.mark.parametrize(("rows", "runs"), [(8, {4: 2}), (7, {4: 1, 3: 1})])
def test_a_batch_on_two_lanes_is_two_runs(rows: int, runs: dict[int, int]) -> None:
    counts, asked = Counts(), request(rows, 0.0)
    counts.ran([piece(asked, 0, rows)], 2, 1.0, 2.0)
    counts.answered([answer(asked)], 2.0)
    assert {size: span.count for size, span in counts.now().runs.items()} == runs
    assert counts.now().compute == Span(1, 1.0)


def test_failures_are_counted_apart_and_a_copy_stays_as_it_is() -> None:
    counts = Counts()
    before = counts.now()
    counts.failed([request(1, 3.0), request(9, 4.0)], 6.0)
    assert before.failure == Span()
    assert counts.now().failure == Span(2, 3.0 + 2.0)
    assert counts.now().rows == 0
