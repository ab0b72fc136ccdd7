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
    """The best ways through, from left to right, each with its column in every row."""
    costs, steps = _ways(ink)
    least = round(NARROWEST * height)
    found: list[tuple[float, NDArray[np.int64]]] = []
    for end in np.argsort(costs, kind="stable"):
        if costs[end] > MOST_PX * height or len(found) == MOST_PIECES - 1:
            break
        seam = _back(steps, int(end))
        middle = seam.mean()
        if not least <= middle <= ink.shape[1] - least:
            continue
        if all(abs(middle - other.mean()) >= APART * height for _, other in found):
            found.append((float(costs[end]), seam))
    seams = sorted((seam for _, seam in found), key=lambda seam: float(seam.mean()))
    return [np.maximum.reduce(seams[: place + 1]) for place in range(len(seams))]


def _ways(ink: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """What the cheapest way to each column of the last row costs, and the steps (H, W) that it took."""
    steps = np.zeros(ink.shape, np.int8)
    cost = ink[0].copy()
    for row in range(1, len(ink)):
        from_left = np.append(np.inf, cost[:-1]) + SIDESTEP
        from_right = np.append(cost[1:], np.inf) + SIDESTEP
        choices = np.stack([cost, from_left, from_right])
        choice = np.argmin(choices, axis=0)
        steps[row] = np.array([0, -1, 1], np.int8)[choice]
        cost = np.asarray(choices.min(axis=0) + ink[row], np.float32)
    return cost, steps


def _back(steps: NDArray[np.int8], end: int) -> NDArray[np.int64]:
    seam = np.empty(len(steps), np.int64)
    for row in range(len(steps) - 1, -1, -1):
        seam[row] = end
        end += int(steps[row, end])
    return seam
