"""Which ink of a row may be one digit, and how it looks in the model's form."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.form import in_form
from digitserve_client.pages.parts import Part, bounds_of
from digitserve_client.pages.rows import Row
from digitserve_client.pages.sheet import Contrast

MOST_JOINED = 4  # parts in one guess
WIDEST, HIGHEST = 1.5, 1.45  # of the row's height
LOWER = 0.6  # of the page's usual height: a row counts as at least so high
GAP = 0.16  # of the row's height: what belongs to one digit is nearer
COMMA = 0.4  # of the row's height: a comma is no higher, and no wider
STEEP = 1.5  # width by height of a comma, at most: a tail that was broken off is flatter
FOOT = 0.3  # of the row's height: a comma begins below
LOW = 0.3  # of the threshold: where the soft edge of ink begins


@dataclass(frozen=True, slots=True)
class Guess:
    """The parts first to last of a row, taken as one digit; its box in px of the sheet."""

    first: int
    last: int
    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In px."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In px."""
        return self.bottom - self.top


def guesses_of(row: Row, usual_height: float) -> list[Guess]:
    """Each part alone, a cut one as a whole, and neighbours so near that they may be strokes of one digit."""
    guesses = []
    # What is left of a row may be lower than the strokes that belong together.
    highest = HIGHEST * max(row.height, LOWER * usual_height)
    for first in range(len(row.parts)):
        end = first + max(MOST_JOINED, row.pieces_from(first))
        for last in range(first, min(end, len(row.parts))):
            parts = row.parts[first : last + 1]
            guess = Guess(first, last, *bounds_of(parts))
            if last > first and not _may_be_one(guess, parts, row.height, highest):
                if guess.width > WIDEST * row.height:
                    break
                continue
            guesses.append(guess)
    return guesses


def _may_be_one(guess: Guess, parts: list[Part], height: float, highest: float) -> bool:
    if guess.width > WIDEST * height or guess.height > highest or _ends_in_comma(parts, height):
        return False
    return all(
        min(distance(part, other) for other in parts if other is not part) <= GAP * height for part in parts
    )


def _ends_in_comma(parts: list[Part], height: float) -> bool:
    """Whether the last part is a comma or a full stop beside the foot of the others."""
    mark, others = parts[-1], parts[:-1]
    is_small = mark.height <= COMMA * height and mark.width <= min(COMMA * height, STEEP * mark.height)
    foot = max(part.bottom for part in others) - FOOT * height
    return is_small and mark.top >= foot and mark.left >= max(part.right for part in others)


def distance(part: Part | Guess, other: Part) -> int:
    """The gap between the boxes, in px."""
    dx = max(other.left - part.right, part.left - other.right, 0)
    dy = max(other.top - part.bottom, part.top - other.bottom, 0)
    return max(dx, dy)


def drawn(
    contrast: Contrast, labels: NDArray[np.int32], threshold: float, row: Row, guess: Guess
) -> NDArray[np.uint8]:
    """The guess in the model's form: (28, 28) uint8."""
    top, left = max(0, guess.top - 1), max(0, guess.left - 1)
    place = np.s_[top : guess.bottom + 1, left : guess.right + 1]
    some = labels[place]
    own = np.zeros(some.shape, np.bool_)
    for part in row.parts[guess.first : guess.last + 1]:
        own |= some == part.label
    soft = cv2.dilate(own.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_) & (own | (some == 0))
    depth = contrast[place].astype(np.float32)
    full = float(np.median(depth[own]))
    low = min(LOW * threshold, 0.5 * full)
    ink = np.clip((depth - low) / max(full - low, 1.0), 0, 1) * soft
    # A frame of paper: what fills its picture would be taken for cropped and stretched.
    return in_form(np.pad(np.asarray(ink, np.float32), ((1, 1), (2, 2))))
