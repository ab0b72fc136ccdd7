"""A digit of 28x28 pixels as the pen of someone may have drawn it on a larger page."""

import cv2
import numpy as np
from numpy.typing import NDArray

from composed_pages.canvas import Ink

SHARP = 6.0  # how steep the edges of strokes are, once enlarged
BLUNT = 3.0  # in the largest pictures


def strokes_of(image: NDArray[np.uint8], height_px: int, *, broken: np.random.Generator | None = None) -> Ink:
    """The ink of a digit, cropped to it; `height_px` is that of MNIST's box of 20 px."""
    scale = height_px / 20
    side_px = round(28 * scale)
    large = cv2.resize(image.astype(np.float32) / 255, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    steep = max(SHARP / max(scale, 1.0) ** 0.5, BLUNT)
    ink = np.clip((large - 0.45) * steep + 0.5, 0, 1).astype(np.float32)
    if broken is not None:
        ink = _broken(ink, broken)
    left, top, width, height = cv2.boundingRect((ink > 0.3).astype(np.uint8))
    return np.asarray(ink[top : top + height, left : left + width], np.float32)


def _broken(ink: Ink, random: np.random.Generator) -> Ink:
    """With a narrow gap across a stroke, somewhere in the middle half."""
    rows, columns = np.nonzero(ink > 0.8)
    middle = np.abs(rows - len(ink) / 2) < len(ink) / 5
    place = random.choice(np.flatnonzero(middle)) if middle.any() else 0
    gap = np.zeros_like(ink)
    centre = (int(columns[place]), int(rows[place]))
    angle = random.uniform(-0.5, 0.5)
    reach = len(ink) * 0.12
    offset = (round(reach * np.cos(angle)), round(reach * np.sin(angle)))
    ends = tuple((centre[0] + sign * offset[0], centre[1] + sign * offset[1]) for sign in (-1, 1))
    cv2.line(gap, ends[0], ends[1], 1.0, max(2, len(ink) // 28))
    return np.asarray(ink * (1 - gap), np.float32)
