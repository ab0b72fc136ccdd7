"""Which parts of the ink are the digit: neither specks, nor remains of what stands beside it."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Mask, connected, grown
from digitserve_client.imaging.lines import Frame

NEAR_SHARE = 60  # ink that is nearer than a thirtieth of the picture is one part
DIGIT_SHARE = 0.25  # of all ink is in its largest part at least; otherwise it is all specks
SPECK_SHARE = 0.05  # of the largest part's ink: what has less is a speck
SMALLEST_PX, SMALLEST_SHARE = 5, 0.04  # of the longer side: a digit is larger than that
EDGE = 0.15  # of a side: the strip at the border where remains of neighbours lie
EDGE_WEIGHT = 0.4  # what lies there is rather not the digit
SMALL_SIDE_PX = 40  # smaller pictures have been cropped to the digit: what touches the border belongs to it
GAP = 0.08  # of the digit's height: the hat of a five is no farther away
LETTERS, LOW = 4, 0.25  # a line of print has so many, at least, and is so high by the digit, at most


class Digit(NamedTuple):
    """The ink of the digit, and whether its parts look like several digits."""

    mask: Mask
    several: bool


class Parts(NamedTuple):
    """The connected parts of the ink: boxes in px, as for slices, and the number of ink pixels in each."""

    labels: NDArray[np.int32]
    left: NDArray[np.int32]
    top: NDArray[np.int32]
    right: NDArray[np.int32]
    bottom: NDArray[np.int32]
    area: NDArray[np.int64]


def find_digit(ink: Mask, frame: Frame | None) -> Digit | None:
    """The ink of the digit; None when there is nothing but specks."""
    reach_px = max(ink.shape) // NEAR_SHARE
    near = grown(ink, (2 * reach_px + 1, 2 * reach_px + 1)) if reach_px else ink
    parts = _parts(ink, near)
    inside = _inside(parts, frame, reach_px)
    if not inside.any() or parts.area.max() < DIGIT_SHARE * parts.area.sum():
        return None
    smallest_px = 2 * reach_px + max(SMALLEST_PX, SMALLEST_SHARE * max(ink.shape))
    if parts.area.size == 1:
        return Digit(ink, several=False) if _extent_px(parts, 0) >= smallest_px else None
    edge = _lies_at_edge(parts, ink.shape)
    torn = edge & _touches(parts, ink.shape)
    main = int(np.argmax(parts.area * inside * np.where(torn, EDGE_WEIGHT, 1.0)))
    if _extent_px(parts, main) < smallest_px:
        return None
    large = inside & (parts.area >= SPECK_SHARE * parts.area[main]) & ~_are_print(parts, ink, main)
    core = large & ~torn
    core[main] = True
    kept = large & ~(edge & _torn_off(parts, _Box.around(parts, core), ink.shape))
    kept[main] = True
    mask = np.append(False, kept).astype(np.uint8)[parts.labels] & ink
    return Digit(mask, bool((kept & _stands_beside(parts, main)).any()))


def _parts(ink: Mask, near: Mask) -> Parts:
    """The parts of what is near to the ink; only the ink itself counts."""
    labels, stats = connected(near)
    left, top, width, height, area = stats[1:].T
    if near is not ink:
        area = np.bincount(labels[ink > 0], minlength=len(stats))[1:]
    return Parts(labels, left, top, left + width, top + height, area)


def _inside(parts: Parts, frame: Frame | None, slack_px: int) -> NDArray[np.bool_]:
    """Not beyond the lines around the digit; what crosses them is inside."""
    if frame is None:
        return np.ones(parts.area.shape, np.bool_)
    inside = (parts.bottom > frame.top + slack_px) & (parts.top < frame.bottom - slack_px)
    return inside & (parts.right > frame.left + slack_px) & (parts.left < frame.right - slack_px)


def _extent_px(parts: Parts, part: int) -> int:
    return int(max(parts.right[part] - parts.left[part], parts.bottom[part] - parts.top[part]))


def _touches(parts: Parts, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return (parts.left <= 0) | (parts.top <= 0) | (parts.right >= shape[1]) | (parts.bottom >= shape[0])


def _lies_at_edge(parts: Parts, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    y, x = (parts.top + parts.bottom) / (2 * shape[0]), (parts.left + parts.right) / (2 * shape[1])
    return np.maximum(np.abs(x - 0.5), np.abs(y - 0.5)) > 0.5 - EDGE


class _Box(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, parts: Parts, some: NDArray[np.bool_]) -> "_Box":
        """That of some of the parts together."""
        left, top = parts.left[some].min(), parts.top[some].min()
        return cls(left, top, parts.right[some].max(), parts.bottom[some].max())

    def overlaps(self, parts: Parts) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """How many px of width and height each part shares with it; negative for a gap."""
        x = np.minimum(parts.right, self.right) - np.maximum(parts.left, self.left)
        y = np.minimum(parts.bottom, self.bottom) - np.maximum(parts.top, self.top)
        return x, y


def _torn_off(parts: Parts, core: _Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What a border cuts that the core of the digit does not reach, beside or far from that core."""
    if min(shape) < SMALL_SIDE_PX:
        return np.zeros(parts.area.shape, np.bool_)
    sideways = ((parts.left <= 0) & (core.left > 0)) | ((parts.right >= shape[1]) & (core.right < shape[1]))
    upright = ((parts.top <= 0) & (core.top > 0)) | ((parts.bottom >= shape[0]) & (core.bottom < shape[0]))
    x, y = core.overlaps(parts)
    beside = x < 0.3 * (parts.right - parts.left)
    far = y < np.minimum(0.3 * (parts.bottom - parts.top), -GAP * (core.bottom - core.top))
    return np.asarray((sideways & beside) | (upright & far))


def _are_print(parts: Parts, ink: Mask, main: int) -> NDArray[np.bool_]:
    """Lines of many letters above, below or beside the main part, far lower than it."""
    high = parts.bottom - parts.top
    x, y = _Box.around(parts, np.arange(parts.area.size) == main).overlaps(parts)
    lines = (high <= LOW * high[main]) & (np.minimum(x, y) < -GAP * high[main])
    for part in np.flatnonzero(lines).tolist():
        box = np.s_[parts.top[part] : parts.bottom[part], parts.left[part] : parts.right[part]]
        letters, _ = cv2.connectedComponents(ink[box], connectivity=8)
        lines[part] = letters - 1 >= LETTERS
    return np.asarray(lines)


def _stands_beside(parts: Parts, main: int) -> NDArray[np.bool_]:
    """As large as a digit of its own, beside or below the main part."""
    x, y = _Box.around(parts, np.arange(parts.area.size) == main).overlaps(parts)
    wide, high = parts.right - parts.left, parts.bottom - parts.top
    apart = (x < 0.2 * np.minimum(wide, wide[main])) | (y < 0.2 * np.minimum(high, high[main]))
    large = (high >= 0.5 * high[main]) & (parts.area >= 0.25 * parts.area[main])
    large[main] = False
    return np.asarray(apart & large)
