"""Where digits that touch may be cut apart.

A cut is the way from top to bottom of a part that crosses least ink, found as a seam by dynamic programming
(Avidan and Shamir, "Seam carving for content-aware image resizing", 2007).
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.pages.parts import Part
from digitserve_client.pages.sheet import Contrast

NARROWEST = 0.12  # of the row's height: no digit, and no piece of one, is narrower
APART = 0.14  # of the row's height: between two cuts
MOST_PX = 0.55  # of the row's height: a cut through more ink is none
MOST_PIECES = 9
SIDESTEP = 0.15  # what a step aside costs, in px of ink


def pieces_of(
    part: Part, labels: NDArray[np.int32], contrast: Contrast, height: float, next_label: int
) -> list[Part]:
    """The part in pieces from left to right, which get labels of their own; itself, if nothing can be cut."""
    place = np.s_[part.top : part.bottom, part.left : part.right]
    own = labels[place] == part.label
    ink = np.where(own, contrast[place], 0).astype(np.float32)
    seams = _seams(ink / max(float(np.median(ink[own])), 1.0), height)
    if not seams:
        return [part]
    columns = np.arange(part.width)
    number = sum((columns >= seam[:, np.newaxis]).astype(np.int32) for seam in seams)
    labels[place][own] = next_label + np.asarray(number, np.int32)[own]
    pieces = [_piece(own & (number == each), part, next_label + each) for each in range(len(seams) + 1)]
    some = [piece for piece in pieces if piece is not None]
    return [replace(some[0], is_cut=part.is_cut), *some[1:]]


def _piece(mask: NDArray[np.bool_], part: Part, label: int) -> Part | None:
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width:
        return None
    left, top = left + part.left, top + part.top
    return Part(label, left, top, left + width, top + height, int(np.count_nonzero(mask)), is_cut=True)


def _seams(ink: NDArray[np.float32], height: float) -> list[NDArray[np.int64]]:
    """The best ways from top to bottom, from left to right, each with its column in every row."""
    above, up = _ways(ink)
    upwards, down = _ways(ink[::-1])
    below, down = upwards[::-1], down[::-1]
    # Digits touch about half-way up more often than they share their feet.
    middle = len(ink) // 2
    costs = above[middle] + below[middle] - ink[middle]
    found: list[tuple[float, NDArray[np.int64]]] = []
    for column in np.argsort(costs, kind="stable"):
        if costs[column] > MOST_PX * height or len(found) == MOST_PIECES - 1:
            break
        seam = _way(up, down, middle, int(column))
        place = float(seam.mean())
        is_inside = NARROWEST * height <= place <= ink.shape[1] - NARROWEST * height
        if is_inside and all(abs(place - other) >= APART * height for other, _ in found):
            found.append((place, seam))
    seams = [seam for _, seam in sorted(found, key=lambda each: each[0])]
    return [np.maximum.reduce(seams[: place + 1]) for place in range(len(seams))]


def _ways(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """What the cheapest way from the first row to each pixel costs, and its steps: (H, W) both."""
    steps, costs = np.zeros(ink.shape, np.int8), ink.copy()
    for row in range(1, len(ink)):
        cost = costs[row - 1]
        from_left = np.append(np.inf, cost[:-1]) + SIDESTEP
        from_right = np.append(cost[1:], np.inf) + SIDESTEP
        choices = np.stack([cost, from_left, from_right])
        steps[row] = np.array([0, -1, 1], np.int8)[np.argmin(choices, axis=0)]
        costs[row] += choices.min(axis=0)
    return costs, steps


def _way(up: NDArray[np.int8], down: NDArray[np.int8], row: int, column: int) -> NDArray[np.int64]:
    """From a pixel to the first and to the last row: its column in every row."""
    seam = np.full(len(up), column, np.int64)
    for place in range(row, 0, -1):
        seam[place - 1] = seam[place] + up[place, seam[place]]
    for place in range(row, len(up) - 1):
        seam[place + 1] = seam[place] + down[place, seam[place]]
    return seam
