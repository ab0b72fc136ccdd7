"""Printed lines in a picture of a digit: boxes, rulings, the edges of a form's cells.

A line is long, thin, straight, and there is paper on both sides of it. A bar of a digit may be all of that
as well; but a printed line runs on where the digit has ended, or makes a box with others.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from digitserve_client.imaging.grey import Mask, connected, grown, opened
from digitserve_client.imaging.paths import Path, straight_paths

MIN_SIDE_PX = 40  # in smaller pictures a bar of a digit and a printed line look the same
PIECE_SHARE = 5  # a line is made of straight pieces of at least a fifth of the picture
GAP_SHARE = 16  # its gaps are shorter than a sixteenth
LENGTH = 0.6  # of the picture: at least so long
OUTER = 0.3  # of the picture: lines that do not cross all of it are that near to the border
OVERHANG = 0.1  # of its length: a line runs on beyond the digit by that, at both ends
CROSSING_OVERHANG = 0.04  # OVERHANG of a line that goes on beyond the picture, unless it lies at the border
STROKE_OVERHANG = 0.2  # OVERHANG of a line that is as thick as the digit's strokes and touches them
STROKE = 0.7  # of the thickness of the digit's strokes: a finer line is none of them
COVERED = 0.4  # of a line's length, at least, is ink with paper on both sides
FINE = 0.5  # of the thickness of the digit's strokes: a finer side was not drawn with the same pen
EDGE_PX, APART_PX, HALO_PX = 2, 3, 5  # how far a line's edge, what touches it, and its blur reach
TOUCHING = 0.05  # px of other ink beside each px of a line that stands apart, at most
CORNER = 0.1  # of its length: a side of a box ends no farther from the next side
EDGE = 0.2  # of the picture: a line this near to the border may be the edge of a cell
BORDER = 0.1  # of the picture: ink that stays in this strip at the border is not the digit
DIGIT_SHARE = 0.2  # of the picture's width and height: what is smaller by both is not the digit


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Line:
    """A line that runs across, or down.

    start, end: where it begins and ends, in px along it. centre: where it lies, in px across it; place: the
    same from 0, at one border of the picture, to 1. crosses: whether it goes on beyond the picture.
    """

    mask: Mask
    start: int
    end: int
    centre: float
    place: float
    thickness: float
    crosses: bool
    is_down: bool

    @property
    def length(self) -> int:
        """In px."""
        return self.end - self.start

    @property
    def is_side(self) -> bool:
        """Whether it lies where the edge of a cell would."""
        return abs(self.place - 0.5) > 0.5 - EDGE

    @property
    def is_outer(self) -> bool:
        """Whether it lies where the side of a box would, or a line that ends inside of the picture."""
        return not OUTER < self.place < 1 - OUTER


class Frame(NamedTuple):
    """What the lines of a picture take up, and what lies inside of the outer ones: px, as for slices.

    halo: where their soft edges reach to.
    """

    mask: Mask
    halo: Mask
    top: float
    bottom: float
    left: float
    right: float


def find_frame(ink: Mask) -> Frame | None:
    """The lines of a picture; None when there are none, or when without them nothing would be left."""
    if min(ink.shape) < MIN_SIDE_PX:
        return None
    _, _, width, height = cv2.boundingRect(ink)
    lines = [] if width < LENGTH * ink.shape[1] else list(_lines_across(ink, is_down=False))
    if height >= LENGTH * ink.shape[0]:
        lines += _lines_across(ink.T.copy(), is_down=True)
    while lines:
        lines, taken = _with_paper_around(ink, lines)
        proven = _proven(lines, ink & ~taken)
        if len(proven) == len(lines):
            return _frame(lines, taken) if lines else None
        lines = proven
    return None


def _lines_across(ink: Mask, *, is_down: bool) -> Iterator[Line]:
    """What may be a line, across; `is_down` when the picture was turned over."""
    width = ink.shape[1]
    stepless = cv2.dilate(ink, np.ones((3, 1), np.uint8))  # a thin line that is tilted is a staircase
    gap, piece = (np.ones((1, max(3, width // share)), np.uint8) for share in (GAP_SHARE, PIECE_SHARE))
    joined = np.asarray(cv2.morphologyEx(stepless, cv2.MORPH_CLOSE, gap), np.uint8)
    pieces = np.asarray(cv2.morphologyEx(joined, cv2.MORPH_OPEN, piece), np.uint8)
    if np.count_nonzero(pieces.any(axis=0)) < LENGTH * width:
        return
    labels, stats = connected(pieces)
    for part, (start, _, length, _, _) in enumerate(stats[1:].tolist(), start=1):
        if length < LENGTH * width:
            continue
        for path in straight_paths(labels[:, start : start + length] == part, width):
            line = _line(path, start, ink.shape, is_down=is_down)
            if line.crosses or line.is_outer:
                yield line


def _line(path: Path, start: int, shape: tuple[int, int], *, is_down: bool) -> Line:
    centre, length = float(path.rows.mean()), len(path.rows)
    mask = _drawn(path, start, shape)
    return Line(
        mask=mask.T.copy() if is_down else mask,
        start=start,
        end=start + length,
        centre=centre,
        place=centre / shape[0],
        thickness=path.thickness,
        crosses=length >= 0.97 * shape[1] and path.is_even,
        is_down=is_down,
    )


def _drawn(path: Path, start: int, shape: tuple[int, ...]) -> Mask:
    """The line alone, straight and as thick as it is."""
    mask = np.zeros(shape, np.uint8)
    rows = np.arange(shape[0])[:, np.newaxis]
    mask[:, start : start + len(path.rows)] = np.abs(rows - path.rows) <= (path.thickness + 1) / 2
    return mask


def _with_paper_around(ink: Mask, lines: list[Line]) -> tuple[list[Line], Mask]:
    """The lines with paper on both sides, and their pixels, without those of strokes that cross them."""
    bands = [
        _around([line for line in lines if line.is_down == down], ink.shape, EDGE_PX)
        for down in (False, True)
    ]
    found, taken = [], np.zeros_like(ink)
    for line in lines:
        thick = math.ceil(1.6 * line.thickness) + 2
        size = (1, thick) if line.is_down else (thick, 1)
        others = ink & ~bands[not line.is_down]
        strokes = opened(others, size)
        own = _widened(line, EDGE_PX) & ink & ~strokes
        if np.count_nonzero((own & line.mask).any(axis=int(line.is_down))) >= COVERED * line.length:
            found.append(line)
            taken |= own
    return found, taken


def _around(lines: list[Line], shape: tuple[int, ...], reach_px: int) -> Mask:
    """The lines, and what is near to them."""
    band = np.zeros(shape, np.uint8)
    for line in lines:
        band |= _widened(line, reach_px)
    return band


def _widened(line: Line, reach_px: int) -> Mask:
    size = (3, 2 * reach_px + 1) if line.is_down else (2 * reach_px + 1, 3)
    return grown(line.mask, size)


class _Digit(NamedTuple):
    """What may be the digit, in the ink that lines leave."""

    left: int
    top: int
    right: int
    bottom: int
    stroke_px: float


def _digit_in(rest: Mask) -> _Digit | None:
    """The larger parts that are not at the border; None if there are none."""
    height, width = rest.shape
    labels, stats = connected(rest)
    left, top, wide, high, area = stats[1:].T
    right, bottom = left + wide, top + high
    inner = (right > BORDER * width) & (left < (1 - BORDER) * width)
    inner &= (bottom > BORDER * height) & (top < (1 - BORDER) * height)
    large = inner & (area >= 0.1 * np.max(area * inner, initial=0))
    if not large.any() or max(wide[large].max() / width, high[large].max() / height) < DIGIT_SHARE:
        return None
    main = (labels == 1 + np.argmax(area * inner)).view(np.uint8)
    outline = main & ~np.asarray(cv2.erode(main, np.ones((3, 3), np.uint8)), np.uint8)
    stroke_px = 2 * np.count_nonzero(main) / np.count_nonzero(outline)
    return _Digit(left[large].min(), top[large].min(), right[large].max(), bottom[large].max(), stroke_px)


def _proven(lines: list[Line], rest: Mask) -> list[Line]:
    """Those that run on beyond the digit, and sides that make a box, touch nothing, or are too fine a stroke.

    If no digit is left, one that goes down may have been it: a one.
    """
    box, digit = _box([line for line in lines if line.is_outer]), _digit_in(rest)
    if digit is None:
        ones = [line for line in lines if line.is_down and line not in box]
        one = min(ones, key=lambda line: abs(line.place - 0.5), default=None)
        return [line for line in lines if line is not one]
    return [
        line
        for line in lines
        if line in box
        or _runs_on(line, digit, rest)
        or (line.is_side and (line.thickness <= FINE * digit.stroke_px or _is_apart(line, rest)))
    ]


def _box(lines: list[Line]) -> list[Line]:
    """Three sides or four that meet each other; all four if they are not near to the border."""
    meeting = []
    for line in lines:
        others = [other.centre for other in lines if other.is_down != line.is_down]
        slack = CORNER * line.length
        if others and line.start <= min(others) + slack and line.end >= max(others) - slack:
            meeting.append(line)
    sides = {(line.is_down, line.place < 0.5) for line in meeting}
    return meeting if len(sides) >= (3 if all(line.is_side for line in meeting) else 4) else []


def _runs_on(line: Line, digit: _Digit, rest: Mask) -> bool:
    """Beyond the digit at both ends, and farther if it may be one of the digit's strokes."""
    start, end = (digit.top, digit.bottom) if line.is_down else (digit.left, digit.right)
    if line.crosses:
        share = 0.0 if line.is_side else CROSSING_OVERHANG
    else:
        is_stroke = line.thickness > STROKE * digit.stroke_px and not _is_apart(line, rest)
        share = STROKE_OVERHANG if is_stroke else OVERHANG
    return start - line.start >= share * line.length and line.end - end >= share * line.length


def _is_apart(line: Line, rest: Mask) -> bool:
    return bool(np.count_nonzero(_widened(line, APART_PX) & rest) <= TOUCHING * line.length)


def _frame(lines: list[Line], taken: Mask) -> Frame:
    """Lines near a border are an edge, those amidst are a ruling that is written over."""
    height, width = taken.shape
    across = [line.centre for line in lines if not line.is_down]
    down = [line.centre for line in lines if line.is_down]
    return Frame(
        taken,
        halo=_around(lines, taken.shape, HALO_PX),
        top=max((y for y in across if y < OUTER * height), default=-math.inf),
        bottom=min((y for y in across if y > (1 - OUTER) * height), default=math.inf),
        left=max((x for x in down if x < OUTER * width), default=-math.inf),
        right=min((x for x in down if x > (1 - OUTER) * width), default=math.inf),
    )
