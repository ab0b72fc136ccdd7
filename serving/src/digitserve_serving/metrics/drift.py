"""How far recent images, and the answers to them, are from those at training time."""

import math
from collections.abc import Sequence

SMOOTHING = 0.5  # added to each count: an empty bin would make the logarithm infinite


def population_stability_index(recent: Sequence[float], reference: Sequence[float]) -> float:
    """The population stability index of two histograms over the same bins: at least 0, 0 when alike.

    The sum over the bins of (p - q) ln(p / q), p and q being shares: the symmetrised Kullback-Leibler
    divergence, in nats. By custom, below 0.1 nothing has changed, from 0.25 on much has (Siddiqi, Credit
    Risk Scorecards, 2006). Where nothing has changed it is about (bins - 1) (1/M + 1/N) for M and N counts
    (Yurdakul, Naranjo: Statistical Properties of the Population Stability Index, 2020).
    """
    p, q = _shares(recent), _shares(reference)
    return sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) + SMOOTHING * len(counts)
    return [(count + SMOOTHING) / total for count in counts]
