"""Pictures that a few digits fill: how large these are, and how their line is turned."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, Mask, connected, quantile, thumbnail

LOOKED_AT_PX = 256  # the longer side of the picture that is looked at
STROKE_SHARE = 3  # dark shapes narrower than a third of the picture may be strokes
LEAST_CONTRAST, FULL_SHARE = 24.0, 0.4  # ink has at least so many grey levels, and so much of full ink's
LARGE = 0.12  # of the picture's longer side: lower digits are those of a page
SHARP = 0.2  # of its contrast, at least, is the rise of a stroke's edge from px to px; a shadow's is less
SOLID, NARROW = 0.72, 0.5  # a digit fills less of its box, unless it is as narrow by its height as a one
MOST_HOLES = 3  # a digit has two at most, a grid many
BROADEST = 1.8  # width by height, at most: digits that touch are hardly wider together
MANY, SMALL_PX = 25, 3  # more small parts than that, each at least so high, are the writing on a page
FEW = 3  # digits, at least, whose middles show how their line is turned
STRAIGHT = 0.15  # of a digit's height: the middles are no farther from a line
MOST_DEGREES = 17.0

Boxes = NDArray[np.int32]
"""(N, 4): left, top, width and height."""


def digit_height(grey: Grey) -> float:
    """How high the digits are that fill the picture, dark on light, in px; 0 if none are so large."""
    small = thumbnail(grey, LOOKED_AT_PX)
    boxes = _digits(_contrast(small), max(small.shape))
    if not len(boxes):
        return 0.0
    return float(np.median(boxes[:, 3]) * max(grey.shape) / max(small.shape))


def tilt_degrees(ink: Mask, height: float) -> float:
    """The turn, anticlockwise, that makes a line of digits of that height level; 0 if it cannot be told."""
    _, stats = connected(ink)
    left, top, width, high = stats[1:, :4][stats[1:, 3] > 0.6 * height].astype(np.float64).T
    x, y = left + width / 2, top + high / 2
    if len(left) < FEW or np.ptp(x) <= np.ptp(y):  # a column is no line
        return 0.0
    slope, start = np.polyfit(x, y, 1).tolist()
    degrees = math.degrees(math.atan(slope))
    is_line = float(np.abs(y - slope * x - start).max()) <= STRAIGHT * height
    return degrees if is_line and abs(degrees) <= MOST_DEGREES else 0.0


def _contrast(small: Grey) -> Grey:
    side = max(small.shape) // STROKE_SHARE | 1
    level = cv2.morphologyEx(cv2.blur(small, (3, 3)), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    share = (level - small) / np.maximum(level, 32.0)
    return np.asarray(np.clip(255 * share, 0, 255), np.float32)


def _digits(contrast: Grey, side_px: int) -> Boxes:
    """The boxes of large digits; none, if there are many smaller things, or more of their ink."""
    inked = contrast[contrast > LEAST_CONTRAST]
    if not inked.size:
        return np.empty((0, 4), np.int32)
    threshold = max(LEAST_CONTRAST, FULL_SHARE * quantile(inked, 0.7))
    ink = (contrast > threshold).view(np.uint8)
    labels, stats = connected(ink)
    _, _, width, height, area = stats.T
    may_be = (area < SOLID * width * height) | (width < NARROW * height)
    may_be &= (width <= BROADEST * height) & _are_sharp(contrast, ink, labels, len(stats))
    may_be[np.unique([0, *labels[[0, 0, -1, -1], [0, -1, 0, -1]]])] = False
    large = may_be & (height >= LARGE * side_px)
    small = ~large & (height >= SMALL_PX)
    if area[large].sum() < area[may_be & small].sum() or np.count_nonzero(small) > MANY:
        return np.empty((0, 4), np.int32)
    chosen = [part for part in np.flatnonzero(large) if _holes(labels == part) <= MOST_HOLES]
    return np.asarray(stats[chosen, :4], np.int32)


def _holes(part: NDArray[np.bool_]) -> int:
    whole = cv2.morphologyEx(np.pad(part.view(np.uint8), 2), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return cv2.connectedComponents(1 - whole, connectivity=4)[0] - 2


def _are_sharp(contrast: Grey, ink: Mask, labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """Whether the ink of each part ends within few px."""
    across, down = (cv2.Sobel(contrast, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1)))
    edge = (ink > 0) & (cv2.erode(ink, np.ones((3, 3), np.uint8)) == 0)
    rise = np.bincount(labels[edge], cv2.magnitude(across, down)[edge], count)
    depth = np.bincount(labels.ravel(), contrast.ravel(), count) / np.bincount(
        labels.ravel(), minlength=count
    )
    return np.asarray(rise / np.maximum(np.bincount(labels[edge], minlength=count), 1) > SHARP * depth)
