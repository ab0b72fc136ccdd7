"""The pen that wrote the digits of a page: what is far finer than its strokes is a rest of print."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.pages.paths import Found
from digitserve_client.pages.rows import Row
from digitserve_client.pages.sheet import Contrast

FEW = 4  # digits: fewer do not show what pen it was
FINE, FAINT = 0.5, 0.5  # of the width and depth of most strokes on the page: finer, fainter ones are no pen's
HIGH = 1.25  # of the height of most digits: nobody writes larger and finer, so these need not be faint
SIDES_AND_CORNERS = (1, 7)  # what the model reads in those of boxes
SURE, ANOTHER = 0.95, 3  # so many fine digits besides these, read so surely, show that there was a second pen
PRINT, LOW = 0.65, 0.4  # of the width and height of most strokes: a string both finer and lower is print
SLENDER, SIDE = 0.1, 1.5  # width by height, at most, and height by that of most digits, of the side of a box
TINY, PAIR = 0.42, 2  # of the page's usual height: at most so many digits, all of them lower, are letters


@dataclass(frozen=True, slots=True)
class Stroke:
    """How wide a digit's strokes are, in px, how far they stand out, 0 to 255, and how high it is, in px."""

    width: float
    depth: float
    height: float


def handwritten(
    strings: list[list[Found]], strokes: Mapping[Found, Stroke], usual_height: float
) -> list[list[Found]]:
    """The strings without what is left of lines, patterns and fine print; the height is the page's, in px."""
    digits = [strokes[found] for string in strings for found in string]
    usual = _usual(digits, [1.0] * len(digits))
    larger = _usual(digits, [stroke.height**2 for stroke in digits])  # print has many letters, and little ink
    fine = {found for found, stroke in strokes.items() if _is_fine(stroke, usual)}
    others = [found.answer for found in fine if found.answer.digit not in SIDES_AND_CORNERS]
    if sum(answer.confidence >= SURE for answer in others) >= ANOTHER:
        fine = set()
    rests = fine | {found for found, stroke in strokes.items() if _is_side(found, stroke, usual)}
    written = [string for string in strings if not _is_print([strokes[found] for found in string], larger)]
    kept = [[found for found in string if found not in rests] for string in written]
    return [string for string in kept if string and not _is_tiny(string, usual_height)]


def stroke_of(row: Row, found: Found, labels: NDArray[np.int32], contrast: Contrast) -> Stroke:
    """Of a digit in that row."""
    guess = found.guess
    place = np.s_[guess.top : guess.bottom, guess.left : guess.right]
    own = np.isin(labels[place], [part.label for part in row.parts[guess.first : guess.last + 1]])
    ink = np.pad(own.view(np.uint8), 1)
    edge_px = int(ink.sum()) - int(cv2.erode(ink, np.ones((3, 3), np.uint8)).sum())
    return Stroke(2 * int(ink.sum()) / max(edge_px, 1), float(np.median(contrast[place][own])), guess.height)


def _usual(strokes: list[Stroke], weights: list[float]) -> Stroke:
    """The stroke of most digits; all 0 where there are few."""
    return _typical(strokes, weights) if len(strokes) >= FEW else Stroke(0.0, 0.0, 0.0)


def _typical(strokes: list[Stroke], weights: list[float]) -> Stroke:
    """The median of each, where each stroke counts by its weight."""

    def median(values: list[float]) -> float:
        order = np.argsort(values)
        reached = np.cumsum(np.array(weights)[order])
        return values[int(order[np.searchsorted(reached, reached[-1] / 2)])]

    return Stroke(
        median([stroke.width for stroke in strokes]),
        median([stroke.depth for stroke in strokes]),
        median([stroke.height for stroke in strokes]),
    )


def _is_fine(stroke: Stroke, usual: Stroke) -> bool:
    is_high = stroke.height > HIGH * usual.height
    return stroke.width < FINE * usual.width and (is_high or stroke.depth < FAINT * usual.depth)


def _is_print(string: list[Stroke], usual: Stroke) -> bool:
    stroke = _typical(string, [1.0] * len(string))
    return stroke.width < PRINT * usual.width and stroke.height < LOW * usual.height


def _is_side(found: Found, stroke: Stroke, usual: Stroke) -> bool:
    return found.guess.width < SLENDER * stroke.height and stroke.height > SIDE * usual.height > 0


def _is_tiny(string: list[Found], usual_height: float) -> bool:
    return len(string) <= PAIR and all(found.guess.height < TINY * usual_height for found in string)
