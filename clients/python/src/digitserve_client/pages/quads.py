"""Straight lines in a picture, and what four of them enclose."""

import math
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

VOTES, MOST_LINES = 40, 10  # edge pixels on a line; lines in either direction
MOST_DEGREES, APART_PX = 40.0, 12.0  # a line is turned by less; how far two are apart, at both ends together

Lines = NDArray[np.float64]
"""(N, 3): a, b and c of a·x + b·y = c."""
Quads = NDArray[np.float64]
"""(N, 4, 2): x and y of corners, clockwise from the upper left."""


def lines_of(edges: NDArray[np.uint8]) -> tuple[Lines, Lines]:
    """The lines with most edges on them (Hough 1962): across from the uppermost, down from the leftmost."""
    found = cv2.HoughLines(edges, 1, math.pi / 360, VOTES)
    polar = np.empty((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)
    lines = np.column_stack([np.cos(polar[:, 1]), np.sin(polar[:, 1]), polar[:, 0]])
    level = math.cos(math.radians(MOST_DEGREES))
    across, down = lines[lines[:, 1] >= level], lines[np.abs(lines[:, 0]) >= level]
    height, width = edges.shape
    return _apart(across, width), _apart(down[:, [1, 0, 2]], height)[:, [1, 0, 2]]


def _apart(lines: Lines, width: int) -> Lines:
    """Lines across a picture of that width, the first of each bundle, from the uppermost."""
    ends = np.column_stack([lines[:, 2], lines[:, 2] - lines[:, 0] * width]) / lines[:, 1:2]
    chosen: list[int] = []
    for number in range(len(lines)):
        if len(chosen) == MOST_LINES:
            break
        if (np.abs(ends[chosen] - ends[number]).sum(axis=1) >= APART_PX).all():
            chosen.append(number)
    return lines[sorted(chosen, key=lambda number: ends[number].sum())]


def enclosed_by(across: Lines, down: Lines) -> Quads:
    """All convex quads between two lines across and two down."""
    a, b = across[:, np.newaxis], down[np.newaxis]
    divisor = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    x = (a[..., 2] * b[..., 1] - a[..., 1] * b[..., 2]) / divisor
    y = (a[..., 0] * b[..., 2] - a[..., 2] * b[..., 0]) / divisor
    rows, columns = (
        np.array(list(combinations(range(len(lines)), 2)), np.intp).reshape(-1, 2) for lines in (across, down)
    )
    upper, lower = np.repeat(rows, len(columns), axis=0).T
    left, right = np.tile(columns, (len(rows), 1)).T
    corners = np.stack([upper, upper, lower, lower], axis=1), np.stack([left, right, right, left], axis=1)
    quads = np.stack([x[corners], y[corners]], axis=2)
    sides = np.roll(quads, -1, axis=1) - quads
    return np.asarray(quads[(_cross(sides, np.roll(sides, -1, axis=1)) > 0).all(axis=1)])


def _cross(one: Quads, other: Quads) -> NDArray[np.float64]:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def areas(quads: Quads) -> NDArray[np.float64]:
    """(N,): of each."""
    return np.asarray(_cross(quads, np.roll(quads, -1, axis=1)).sum(axis=1) / 2)


def inward(quads: Quads) -> NDArray[np.float64]:
    """(N, 4, 2): of each side, from its corner to the next, the direction into the quad, of length 1."""
    sides = np.roll(quads, -1, axis=1) - quads
    return np.asarray(sides[..., ::-1] * (-1, 1) / np.linalg.norm(sides, axis=2, keepdims=True))
