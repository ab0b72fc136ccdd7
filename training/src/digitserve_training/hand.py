"""What digits are drawn with: lines, curves and arcs."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline

Random = np.random.Generator
Pair = tuple[float, float]
Stroke = npt.NDArray[np.float64]
"""Points (N, 2): x from 0 left to 1 right, y from 0 above to 1 below."""


class Hand:
    """What a form draws with: lines, curves and arcs, and the chances it takes."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def between(self, low: float, high: float) -> float:
        """Any number between the two."""
        return float(self._random.uniform(low, high))

    def perhaps(self, stroke: Stroke, chance: float) -> list[Stroke]:
        """The stroke, or none."""
        return [stroke] if self._random.random() < chance else []

    def line(self, *points: Pair) -> Stroke:
        """Straight from point to point."""
        return np.concatenate([np.linspace(start, end, 12) for start, end in pairwise(points)])

    def curve(self, *points: Pair) -> Stroke:
        """Smoothly through all points."""
        knots = np.array(points)
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
        spline = make_interp_spline(along, knots, k=min(3, len(knots) - 1))
        return np.asarray(spline(np.linspace(0, along[-1], 60)))

    def arc(self, centre: Pair, radii: Pair, start_deg: float, end_deg: float) -> Stroke:
        """A part of an ellipse, from one angle to another: 0 points right, 90 down."""
        angles = np.radians(np.linspace(start_deg, end_deg, 60))
        circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return np.asarray(np.array(centre) + circle * np.array(radii))
