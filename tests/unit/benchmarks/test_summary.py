"""From what a loop has written down to its figures."""

import numpy as np
import pytest
from digitserve_bench.connection import LOST
from digitserve_bench.loops import UNANSWERED, Journal
from digitserve_bench.summary import closed_load, open_load

REFUSED = 8


def journal(due: list[float], took: list[float], status: list[int], late: float = 0.0) -> Journal:
    start = np.array(due)
    return Journal(start, start + late, start + np.array(took), np.array(status))


def test_latency_counts_from_when_a_call_was_due() -> None:
    stalled = journal([0.0, 0.1, 0.2], [0.5, 0.4, 0.3], [0, 0, 0], late=0.29)
    assert open_load(stalled, 1.0, 2.0, 0.0).latencies.p50_ms == pytest.approx(400)
    assert open_load(stalled, 1.0, 2.0, 0.0).lateness.p50_ms == pytest.approx(290)


def test_only_answers_within_the_time_are_goodput() -> None:
    late = journal([0.1, 0.9, 0.95], [0.1, 0.2, 0.01], [0, 0, 0])
    load = open_load(late, 1.0, 2.0, 0.0)
    assert load.answered == 2
    assert load.offered_per_s == 3


def test_errors_have_names() -> None:
    load = closed_load(journal([0, 0, 0, 0], [1, 1, 1, 1], [0, REFUSED, LOST, UNANSWERED]), 1.0, 0.0)
    assert load.errors == {"RESOURCE_EXHAUSTED": 1, "CONNECTION_LOST": 1, "HUNG": 1}
    assert load.answered == 1


def test_refusals_are_measured_by_themselves() -> None:
    load = open_load(journal([0.0, 0.1], [0.8, 0.002], [0, REFUSED]), 1.0, 2.0, 0.0)
    assert load.latencies.p99_ms == pytest.approx(800)
    assert load.refusals.p99_ms == pytest.approx(2)


def test_without_any_answer_there_are_no_latencies() -> None:
    assert closed_load(journal([0.0], [0.1], [REFUSED]), 1.0, 0.0).latencies.p99_ms == 0


def after_overload(calm: list[tuple[float, float, int]]) -> float | None:
    due, took, status = zip((0.5, 0.1, REFUSED), *calm, strict=True)
    load = open_load(journal(list(due), list(took), list(status)), 1.0, 2.0, 0.0)
    assert load.errors == {"RESOURCE_EXHAUSTED": 1}  # the calm does not count
    return load.recovery_s


def test_a_server_that_recovers_at_once() -> None:
    assert after_overload([(1.05, 0.01, 0), (1.5, 0.01, 0)]) == 0


def test_a_server_that_goes_on_refusing() -> None:
    assert after_overload([(1.05, 0.01, 0), (1.35, 0.001, REFUSED), (1.5, 0.01, 0)]) == pytest.approx(0.4)


def test_a_server_that_stays_slow() -> None:
    assert after_overload([(1.05, 0.3, 0), (1.15, 0.2, 0), (1.25, 0.01, 0)]) == pytest.approx(0.2)


def test_the_cost_is_that_of_all_calls_the_calm_included() -> None:
    both = journal([0.1, 0.2, 1.5], [0.1, 0.1, 0.1], [0, REFUSED, 0])
    load = open_load(both, 1.0, 2.0, 0.4)
    assert (load.answered, load.whole_answered, load.whole_s, load.generator_cpu_s) == (1, 2, 2.0, 0.4)


def test_no_overload_no_recovery() -> None:
    assert open_load(journal([0.5], [0.1], [0]), 1.0, 2.0, 0.0).recovery_s is None
