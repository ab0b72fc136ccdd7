"""A sheet that is written and printed on, and what was written where."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.float32]
"""(H, W), 0 for paper to 1 for full ink."""
Quad = NDArray[np.float32]
"""(4, 2): x and y of the corners, clockwise from the upper left."""

FONTS = (
    *(cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX),
    *(cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX),
)


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """A digit on the page, and the string it belongs to."""

    digit: int
    quad: Quad
    string: int


@dataclass(slots=True)
class Canvas:
    """The ink of a page, `darkness` 0 to 255 at each pixel, and the truth."""

    height_px: int
    width_px: int
    ink: Ink = field(init=False)
    written: list[Written] = field(default_factory=list)
    strings: int = 0

    def __post_init__(self) -> None:
        self.ink = np.zeros((self.height_px, self.width_px), np.float32)

    def write(self, digit: int, strokes: Ink, x: int, y: int, darkness: float) -> None:
        """Puts the strokes with the upper left corner at x, y."""
        height, width = strokes.shape
        target = self.ink[y : y + height, x : x + width]
        np.maximum(target, strokes * np.float32(darkness), out=target)
        corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
        self.written.append(Written(digit, np.array(corners, np.float32), self.strings))

    def end_string(self) -> None:
        """What is written from now on belongs to another string."""
        self.strings += 1

    def line(self, start: tuple[float, float], end: tuple[float, float], px: int, darkness: float) -> None:
        """A printed line."""
        points = (*(round(each) for each in start),), (*(round(each) for each in end),)
        drawn = np.zeros_like(self.ink)
        cv2.line(drawn, *points, color=1.0, thickness=px, lineType=cv2.LINE_8)
        np.maximum(self.ink, drawn * np.float32(darkness), out=self.ink)

    def text(self, words: str, start: tuple[int, int], height_px: int, font: int, darkness: float) -> int:
        """Printed words from there on, on the base line; returns where they end."""
        scale = cv2.getFontScaleFromHeight(font, height_px, 1)
        (width, _), _ = cv2.getTextSize(words, font, scale, 1)
        drawn = np.zeros(self.ink.shape, np.uint8)
        thick = max(1, round(height_px / 9))
        cv2.putText(drawn, words, start, font, scale, 255, thick, cv2.LINE_AA)
        np.maximum(self.ink, drawn * np.float32(darkness / 255), out=self.ink)
        return start[0] + width
