"""When the calls of an open loop are due, whether or not the server keeps up."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]


class Phase(NamedTuple):
    """Some seconds of a Poisson process with so many calls per second."""

    per_s: float
    seconds: float


def poisson(phases: list[Phase], seed: int) -> Times:
    """The moments at which calls are due, in seconds from the start, ascending.

    The number of calls in a phase is drawn, and then the moments are: spread evenly at random, which is
    what a Poisson process looks like when one knows how many there were.
    """
    generator = np.random.default_rng(seed)
    start, parts = 0.0, []
    for phase in phases:
        number = generator.poisson(phase.per_s * phase.seconds)
        parts.append(start + np.sort(generator.uniform(0, phase.seconds, number)))
        start += phase.seconds
    return np.concatenate(parts)
