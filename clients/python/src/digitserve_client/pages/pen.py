"""The pen that wrote the digits of a page: what is far finer than its strokes is a rest of print."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.pages.parts import Row
from digitserve_client.pages.paths import Found
from digitserve_client.pages.sheet import Contrast

FEW = 4  # digits: fewer do not show what pen it was
FINE, FAINT = 0.5, 0.5  # of the width and depth of most strokes on the page: nobody wrote so with that pen
HIGH = 1.25  # of the height of most digits: who writes larger does not write finer
SLENDER, SIDE = 0.1, 1.5  # width by height, and height by that of most digits: the side of a box
TINY, PAIR = 0.42, 2  # of the page's usual height; so many digits or fewer that low are letters


@dataclass(frozen=True, slots=True)
class _Stroke:
    """How wide a digit's strokes are, in px, how far they stand out, 0 to 255, and how high it is, in px."""

    width: float
    depth: float
    height: int


def handwritten(
    strings: list[tuple[Row, list[Found]]], labels: NDArray[np.int32], contrast: Contrast, usual_height: float
) -> list[list[Found]]:
    """The strings without what is left of lines, patterns and fine print."""
    strokes = [[_stroke(row, found, labels, contrast) for found in string] for row, string in strings]
    usual = _usual([stroke for some in strokes for stroke in some])
    kept = []
    for (_, string), some in zip(strings, strokes, strict=True):
        is_pencil = len({found.answer.digit for found in string}) > 1 and all(
            _is_fine(stroke, usual) for stroke in some
        )
        digits = [
            found
            for found, stroke in zip(string, some, strict=True)
            if is_pencil or not _is_rest(found, stroke, usual)
        ]
        is_tiny = len(digits) <= PAIR and all(found.guess.height < TINY * usual_height for found in digits)
        if not is_tiny:
            kept.append(digits)
    return kept


def _stroke(row: Row, found: Found, labels: NDArray[np.int32], contrast: Contrast) -> _Stroke:
    guess = found.guess
    place = np.s_[guess.top : guess.bottom, guess.left : guess.right]
    own = np.isin(labels[place], [part.label for part in row.parts[guess.first : guess.last + 1]])
    ink = np.pad(own.view(np.uint8), 1)
    edge_px = int(ink.sum()) - int(cv2.erode(ink, np.ones((3, 3), np.uint8)).sum())
    return _Stroke(2 * int(ink.sum()) / max(edge_px, 1), float(np.median(contrast[place][own])), guess.height)


def _usual(strokes: list[_Stroke]) -> _Stroke:
    """The stroke of most digits; of width and depth 0 where there are few."""
    if len(strokes) < FEW:
        return _Stroke(0.0, 0.0, 0)
    width, depth, height = (
        np.median([getattr(stroke, name) for stroke in strokes]) for name in _Stroke.__slots__
    )
    return _Stroke(float(width), float(depth), int(height))


def _is_fine(stroke: _Stroke, usual: _Stroke) -> bool:
    return stroke.width < FINE * usual.width and stroke.depth < FAINT * usual.depth


def _is_rest(found: Found, stroke: _Stroke, usual: _Stroke) -> bool:
    is_high = stroke.height > HIGH * usual.height
    is_side = found.guess.width < SLENDER * stroke.height and stroke.height > SIDE * usual.height > 0
    return _is_fine(stroke, usual) or (stroke.width < FINE * usual.width and is_high) or is_side
