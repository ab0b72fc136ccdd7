"""A page with even light, upright: how much each pixel stands out from the paper, and what is ink."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, Mask, grain, one_channel, quantile, smoothed
from digitserve_client.page import Quad
from digitserve_client.pages import closeup
from digitserve_client.pages.corners import Matrix, from_above
from digitserve_client.pages.polarity import has_dark_ink
from digitserve_client.pages.tilt import tilt_degrees, turned_by

Contrast = NDArray[np.uint8]
"""(H, W): 0 for paper, 255 for the blackest ink."""

THUMB = 4  # so many px become one where the light is looked at
PAPER_SHARE = 30  # dark shapes narrower than a thirtieth of the page are ink, wider ones shade
CLOSE_PX, CLOSE_THUMB = 80, 2  # digits that fill their picture are brought to this height; as THUMB
WIDEST_STROKE = 0.6  # of their height, where the loops of a digit are filled
DARKEST = 32.0  # grey levels: in deeper shade nothing can be told
# Ink stands out by at least so many grey levels, standard deviations of the noise, and so much of full ink.
LEAST_CONTRAST, NOISES, FULL_SHARE = 20.0, 4.5, 0.25
COARSE_GRAIN = 5.0  # grey levels: rougher pictures are blurred before they are read
GRAIN_PX = 0.8  # the blur
LEVEL_DEGREES = 0.25  # a tilt that needs no correction


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """The page, upright, reduced to `scale` times the picture's pixels.

    contrast: how far each pixel stands out. ink: where that is more than chance. threshold: how much that is.
    to_picture: from points of the sheet to those of the picture.
    """

    contrast: Contrast
    ink: Mask
    threshold: float
    to_picture: Matrix

    def quad(self, left: float, top: float, right: float, bottom: float) -> Quad:
        """A box of the sheet in the picture."""
        corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float64)
        points = cv2.perspectiveTransform(corners, self.to_picture)[0].round(1).tolist()
        a, b, c, d = ((x, y) for x, y in points)
        return Quad((a, b, c, d))


def sheet_of(pixels: NDArray[np.uint8], scale: float) -> Sheet:
    """The sheet in a picture (H, W) or (H, W, 3) that has been reduced to `scale` of its size."""
    grey, from_sheet = from_above(one_channel(pixels))
    if not has_dark_ink(grey):
        grey = 255 - grey
    height = closeup.digit_height(grey)
    contrast, back = _close_up(grey, height) if height else _page(grey)
    threshold = _threshold(contrast)
    ink = (contrast > threshold).view(np.uint8)
    return Sheet(contrast, ink, threshold, np.diag([1 / scale, 1 / scale, 1]) @ from_sheet @ back)


def _page(grey: Grey) -> tuple[Contrast, Matrix]:
    """What stands out on it, upright, and the way back to the picture."""
    contrast = _contrast(_clean(grey), max(grey.shape) / PAPER_SHARE, THUMB)
    return _level(contrast, tilt_degrees(contrast.astype(np.float32)))


def _close_up(grey: Grey, height: float) -> tuple[Contrast, Matrix]:
    """The same of digits of that height that fill their picture, reduced, with paper around them."""
    factor = CLOSE_PX / height
    size = max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    reduced = np.asarray(cv2.resize(grey, size, interpolation=method), np.float32)
    contrast = _contrast(_clean(reduced), WIDEST_STROKE * CLOSE_PX, CLOSE_THUMB)
    framed = np.pad(contrast, CLOSE_PX)
    ink = (framed > _threshold(contrast)).view(np.uint8)
    upright, back = _level(framed, closeup.tilt_degrees(ink, CLOSE_PX))
    back[:2, 2] -= CLOSE_PX
    return upright, np.diag([1 / factor, 1 / factor, 1]) @ back


def _clean(grey: Grey) -> Grey:
    return smoothed(grey, GRAIN_PX) if grain(grey) > COARSE_GRAIN else grey


def _level(contrast: Contrast, degrees: float) -> tuple[Contrast, Matrix]:
    if abs(degrees) <= LEVEL_DEGREES:
        return contrast, np.eye(3)
    upright, there = turned_by(contrast, degrees)
    return upright, np.vstack([cv2.invertAffineTransform(there), [0, 0, 1]])


def _contrast(grey: Grey, widest_px: float, thumb: int) -> Contrast:
    """What is dark, and no wider than that, takes a share of the light that falls on the paper there."""
    ground = np.maximum(_ground(grey, widest_px, thumb), DARKEST)
    share = cv2.divide(ground - grey, ground, scale=255)
    return np.asarray(np.clip(share, 0, 255), np.uint8)


def _ground(grey: Grey, widest_px: float, thumb: int) -> Grey:
    """The light of the paper below each pixel."""
    height, width = (max(1, side // thumb) for side in grey.shape)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    side = max(5, int(widest_px / thumb)) | 1
    level = cv2.morphologyEx(cv2.blur(small, (3, 3)), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    level = cv2.blur(level, (side // 2 | 1, side // 2 | 1))
    return np.asarray(cv2.resize(level, grey.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _threshold(contrast: Contrast) -> float:
    """Between noise and the fainter ink: a form's print is often twice as dark as the pencil on it."""
    some = contrast[::2, ::2]
    noise = max(1.0, 1.4826 * quantile(some.astype(np.float32), 0.5))
    low = max(LEAST_CONTRAST, NOISES * noise)
    inked = some[some > low]
    if not inked.size:
        return low
    full = quantile(inked.astype(np.float32), 0.6)
    return max(low, FULL_SHARE * full)
