"""Straight paths through a connected part of the ink: where a printed line may run."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, quantile

AGREEMENT = 0.8  # of a path's columns lie on one straight line
THINNER = 0.25  # of a part's columns, at least, hold the line alone, and are as thick as it is
ALONE = 0.5  # of the columns along an edge, at least, are so
DRIFT = 0.18  # of the picture's height, at most, a line rises or falls from end to end: 10 degrees
THICKNESS = 0.1  # of the picture's height, at most
EDGE_THICKNESS = 0.16  # THICKNESS of a line that runs along the border, beside it
AT_BORDER = 0.1  # of the picture's height: as near to the border as that
ON_PATH_PX = 1.5  # what is no farther from a straight line is on it

Body = NDArray[np.bool_]
"""(height of the picture, columns of the part): where the part has ink; 2 px too thick."""


class Path(NamedTuple):
    """Where a line runs: the row of its middle in each of its columns.

    It is even when it is straight throughout and as thick at its ends as anywhere: it runs off, where a pen
    would have been lifted.
    """

    rows: Grey
    thickness: float
    is_even: bool


def straight_paths(body: Body, width: int) -> list[Path]:
    """The one line that a part is, in a picture so wide, or else those along its upper and its lower edge."""
    middle = _along_middle(body)
    if middle is not None and _is_thin(middle, len(body), width) and _is_on(body, middle):
        return [middle]
    below = _along_upper_edge(body[::-1])
    edges = (_along_upper_edge(body), below and below._replace(rows=len(body) - 1 - below.rows))
    paths = [edge for edge in edges if edge is not None and _is_thin(edge, len(body), width)]
    are_one = len(paths) == 2 and paths[1].rows.mean() - paths[0].rows.mean() <= paths[0].thickness
    return paths[:1] if are_one else paths


def _is_thin(path: Path, height: int, width: int) -> bool:
    is_beside = (
        abs(float(path.rows.mean()) / height - 0.5) > 0.5 - AT_BORDER and len(path.rows) >= 0.9 * width
    )
    thickest = EDGE_THICKNESS if is_beside else THICKNESS
    return path.thickness <= thickest * height and bool(np.ptp(path.rows) <= DRIFT * height)


def _is_on(body: Body, path: Path) -> bool:
    """Whether there is ink where the path runs: not so in the middle between two lines."""
    rows = np.clip(np.rint(path.rows).astype(np.intp), 0, len(body) - 1)
    return bool(np.count_nonzero(body[rows, np.arange(rows.size)]) >= AGREEMENT * rows.size)


def _along_middle(body: Body) -> Path | None:
    """The straight line that most columns agree on; None if they agree on none.

    The others belong to strokes that have grown together with it.
    """
    runs = np.maximum(np.count_nonzero(body, axis=0), 1)
    if quantile(runs.astype(np.float32), THINNER) - 2 > EDGE_THICKNESS * len(body):
        return None
    middles = (np.arange(len(body), dtype=np.float32) @ body) / runs
    return _path(middles.astype(np.float32), runs)


def _along_upper_edge(body: Body) -> Path | None:
    """The same for a line that strokes have grown together with from below."""
    edges = body.argmax(axis=0)
    below = ~body & (np.arange(len(body))[:, np.newaxis] > edges)
    runs = np.where(below.any(axis=0), below.argmax(axis=0), len(body)) - edges
    thickness = quantile(runs.astype(np.float32), THINNER)
    is_alone = np.abs(runs - thickness) <= max(1.5, thickness / 3)
    if thickness - 2 > EDGE_THICKNESS * len(body) or np.count_nonzero(is_alone) < ALONE * runs.size:
        return None
    path = _path(edges.astype(np.float32), np.minimum(runs, thickness))
    return path and path._replace(rows=path.rows + (thickness - 1) / 2)


def _path(middles: Grey, runs: NDArray[np.integer | np.floating]) -> Path | None:
    rows = _straight(middles)
    off = np.abs(middles - rows)
    inked = runs[off <= 2].astype(np.float32)
    thickness = max(1.0, quantile(inked, 0.5) - 2) if inked.size else math.inf
    on = off <= max(ON_PATH_PX, thickness / 2)
    if np.count_nonzero(on) < AGREEMENT * off.size:
        return None
    ends = min(runs[:2].min(), runs[-2:].min()) - 2
    is_even = bool(ends >= 0.6 * thickness and off[on].std() <= max(0.7, 0.25 * thickness))
    return Path(rows, thickness, is_even)


def _straight(middles: Grey) -> Grey:
    """The line that most lie on: first by medians, then the best through those that are near to it."""
    along, half = np.arange(middles.size, dtype=np.float32), middles.size // 2
    slope = quantile(middles[half : 2 * half] - middles[:half], 0.5) / half
    rows = along * np.float32(slope)
    rows += quantile(middles - rows, 0.5)
    near = np.abs(middles - rows) <= ON_PATH_PX
    x, y = along[near], middles[near]
    x0 = x.mean()
    away = x - x0
    straight: Grey = y.mean() + (along - x0) * ((away @ y) / max(away @ away, 1e-6))
    return straight
