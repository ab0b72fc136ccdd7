"""Printed lines in a picture of a digit: boxes, rulings, the edges of a form's cells.

A line is long, thin, straight, and there is paper on both sides of it. A bar of a digit may be all of that
as well; but a printed line runs on where the digit has ended, or makes a box with others.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from digitserve_client.imaging.grey import Mask

MIN_SIDE_PX = 40  # in smaller pictures a bar of a digit and a printed line look the same
PIECE_SHARE = 5  # a line is made of straight pieces of at least a fifth of the picture
GAP_SHARE = 16  # its gaps are shorter than a sixteenth
LENGTH = 0.6  # of the picture: at least so long
DRIFT = 0.14  # of the picture: tilted by at most so much from end to end
THICKNESS = 0.1  # of the picture, at most
OUTER = 0.3  # of the picture: lines that do not cross all of it are that near to the border
OVERHANG = 0.1  # of its length: so far a line runs on beyond the digit at both ends
BORDER = 0.1  # of the picture: ink that stays in this strip at the border is not the digit
DIGIT_SHARE = 0.2  # of the picture: what is smaller than this is not the digit


class Line(NamedTuple):
    """A line that runs across (or, in a picture turned over, down).

    start, end: where it begins and ends, in px along it. centre: where it lies, in px across it.
    """

    mask: Mask
    start: int
    end: int
    centre: float
    thickness: float
    crosses: bool
    is_down: bool


class Frame(NamedTuple):
    """What the lines of a picture take up, and what lies inside of the outer ones: px, as for slices."""

    mask: Mask
    top: float
    bottom: float
    left: float
    right: float


def find_frame(ink: Mask) -> Frame | None:
    """The lines of a picture; None when there are none, or when without them nothing would be left."""
    if min(ink.shape) < MIN_SIDE_PX:
        return None
    lines = [*_lines_across(ink, is_down=False), *_lines_across(ink.T.copy(), is_down=True)]
    while lines:
        lines, taken = _with_paper_around(ink, lines)
        proven = _proven(lines, _digit_box(ink & ~taken), ink.shape)
        if len(proven) == len(lines):
            return _frame(lines, taken) if lines else None
        lines = proven
    return None


def _lines_across(ink: Mask, *, is_down: bool) -> Iterator[Line]:
    """What may be a line, across; `is_down` when the picture was turned over."""
    height, width = ink.shape
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, max(3, width // GAP_SHARE)), np.uint8))
    pieces = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((1, max(3, width // PIECE_SHARE)), np.uint8))
    if not cv2.hasNonZero(pieces):
        return
    count, labels, stats, centres = cv2.connectedComponentsWithStats(pieces, connectivity=8)
    for part in range(1, count):
        x, y, length, drift, _ = stats[part].tolist()
        if length < LENGTH * width or drift > DRIFT * height:
            continue
        mask = (labels == part).view(np.uint8)
        body = mask[y : y + drift, x : x + length]
        thickness = float(np.median(body.sum(axis=0)))
        crosses = length >= 0.97 * width and _is_even(body, thickness)
        centre = float(centres[part][1])
        outside = not OUTER < centre / height < 1 - OUTER
        if thickness <= THICKNESS * height and (crosses or outside):
            mask = mask.T.copy() if is_down else mask
            yield Line(mask, x, x + length, centre, thickness, crosses, is_down)


def _is_even(body: Mask, thickness: float) -> bool:
    """Straight, and as thick at its ends as anywhere: it runs off, where a pen would have been lifted."""
    runs = body.sum(axis=0)
    ends = min(runs[:2].min(), runs[-2:].min())
    middles = np.arange(len(body)) @ body / np.maximum(runs, 1)
    along = np.linspace(-1, 1, len(middles))
    middles -= middles.mean()
    middles -= along * (along @ middles) / (along @ along)
    return bool(ends >= 0.6 * thickness and middles.std() <= max(0.7, 0.25 * thickness))


def _with_paper_around(ink: Mask, lines: list[Line]) -> tuple[list[Line], Mask]:
    """The lines with paper on both sides, and their pixels, without those of strokes that cross them."""
    across, down = (
        _band(ink, [line for line in lines if line.is_down == is_down]) for is_down in (False, True)
    )
    found, taken = [], np.zeros_like(ink)
    for line in lines:
        thick = math.ceil(1.6 * line.thickness) + 2
        kernel = np.ones((1, thick) if line.is_down else (thick, 1), np.uint8)
        others = ink & ~(across if line.is_down else down)
        strokes = cv2.morphologyEx(
            others, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
        own = _band(ink, [line]) & ink & ~strokes
        if np.count_nonzero((own & line.mask).any(axis=int(line.is_down))) >= 0.6 * (line.end - line.start):
            found.append(line)
            taken |= own
    return found, taken


def _band(ink: Mask, lines: list[Line]) -> Mask:
    """The lines with their soft edges."""
    band = np.zeros_like(ink)
    for line in lines:
        band |= cv2.dilate(line.mask, np.ones((3, 5) if line.is_down else (5, 3), np.uint8))
    return band


def _digit_box(ink: Mask) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of the ink that may be the digit; None if there is none."""
    height, width = ink.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    left, top, wide, high, area = stats[1:].T
    right, bottom = left + wide, top + high
    inner = (right > BORDER * width) & (left < (1 - BORDER) * width)
    inner &= (bottom > BORDER * height) & (top < (1 - BORDER) * height)
    large = inner & (area >= 0.1 * np.max(area * inner, initial=0))
    if not large.any() or max(wide[large].max() / width, high[large].max() / height) < DIGIT_SHARE:
        return None
    return left[large].min(), top[large].min(), right[large].max(), bottom[large].max()


def _proven(lines: list[Line], digit: tuple[int, int, int, int] | None, shape: tuple[int, ...]) -> list[Line]:
    """Those that make a box, or run on beyond the digit. If there is no digit, the line amidst was it."""
    if digit is None:
        amidst = [abs(line.centre / shape[int(line.is_down)] - 0.5) for line in lines]
        return [line for line, distance in zip(lines, amidst, strict=True) if distance > min(amidst)]
    down = sum(line.is_down for line in lines)
    if len(lines) >= 3 and 0 < down < len(lines):
        return lines
    return [line for line in lines if _runs_on(line, digit[line.is_down :: 2])]


def _runs_on(line: Line, digit: tuple[int, ...]) -> bool:
    overhang = 0.0 if line.crosses else OVERHANG * (line.end - line.start)
    return digit[0] - line.start >= overhang and line.end - digit[1] >= overhang


def _frame(lines: list[Line], taken: Mask) -> Frame:
    """Lines near a border are an edge, those amidst are a ruling that is written over."""
    height, width = taken.shape
    across = [line.centre for line in lines if not line.is_down]
    down = [line.centre for line in lines if line.is_down]
    return Frame(
        taken,
        top=max((y for y in across if y < OUTER * height), default=-math.inf),
        bottom=min((y for y in across if y > (1 - OUTER) * height), default=math.inf),
        left=max((x for x in down if x < OUTER * width), default=-math.inf),
        right=min((x for x in down if x > (1 - OUTER) * width), default=math.inf),
    )
