"""When the calls of an open loop are due."""

import numpy as np
from digitserve_bench.arrivals import Phase, poisson


def test_the_same_seed_gives_the_same_moments() -> None:
    phases = [Phase(1000, 1.0)]
    assert (poisson(phases, 1) == poisson(phases, 1)).all()
    assert not np.array_equal(poisson(phases, 1), poisson(phases, 2))


def test_they_ascend_through_all_phases() -> None:
    due = poisson([Phase(3000, 1.0), Phase(500, 2.0)], 0)
    assert (np.diff(due) >= 0).all()
    assert 0 <= due[0] < due[-1] < 3


def test_each_phase_has_its_own_rate() -> None:
    due = poisson([Phase(30_000, 1.0), Phase(5_000, 2.0)], 0)
    first, second = (due < 1).sum(), (due >= 1).sum()
    assert abs(first - 30_000) < 5 * 30_000**0.5
    assert abs(second - 10_000) < 5 * 10_000**0.5


def test_the_gaps_are_exponential() -> None:
    gaps = np.diff(poisson([Phase(10_000, 5.0)], 0))
    assert abs(gaps.std() / gaps.mean() - 1) < 0.05  # an even spacing would have 0
