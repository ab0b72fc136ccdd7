"""A page with even light, upright: how much each pixel stands out from the paper, and what is ink."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, Mask, grain, one_channel, quantile, smoothed
from digitserve_client.imaging.paper import has_dark_ink
from digitserve_client.page import Quad
from digitserve_client.pages.tilt import tilt_degrees, turned_by

Contrast = NDArray[np.uint8]
"""(H, W): 0 for paper, 255 for the blackest ink."""

THUMB = 4  # so many px become one where the light is looked at
PAPER_SHARE = 30  # dark shapes narrower than a thirtieth of the page are ink, wider ones shade
DARKEST = 32.0  # grey levels: in deeper shade nothing can be told
LEAST_CONTRAST, NOISES, FULL_SHARE = 20.0, 4.5, 0.25  # grey levels; of the noise; of full ink
COARSE_GRAIN = 5.0  # grey levels: rougher pictures are blurred before they are read
GRAIN_PX = 0.8  # the blur
LEVEL_DEGREES = 0.25  # a tilt that needs no correction


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """The page, upright, reduced to `scale` times the picture's pixels.

    contrast: how far each pixel stands out. ink: where that is more than chance. threshold: how much that is.
    to_picture: (2, 3), from points of the sheet to those of the picture.
    """

    contrast: Contrast
    ink: Mask
    threshold: float
    to_picture: NDArray[np.float32]

    def quad(self, left: float, top: float, right: float, bottom: float) -> Quad:
        """A box of the sheet in the picture."""
        corners = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]])
        points = (corners @ self.to_picture.T).round(1).tolist()
        a, b, c, d = ((x, y) for x, y in points)
        return Quad((a, b, c, d))


def sheet_of(pixels: NDArray[np.uint8], scale: float) -> Sheet:
    """The sheet in a picture (H, W) or (H, W, 3) that has been reduced to `scale` of its size."""
    grey = one_channel(pixels)
    if not has_dark_ink(grey):
        grey = 255 - grey
    rough = grain(grey)
    if rough > COARSE_GRAIN:
        grey = smoothed(grey, GRAIN_PX)
    contrast = _contrast(grey)
    degrees = tilt_degrees(contrast.astype(np.float32))
    back = np.array([[1, 0, 0], [0, 1, 0]], np.float64)
    if abs(degrees) > LEVEL_DEGREES:
        contrast, there = turned_by(contrast, degrees)
        back = np.asarray(cv2.invertAffineTransform(there), np.float64)
    threshold = _threshold(contrast)
    ink = (contrast > threshold).view(np.uint8)
    return Sheet(contrast, ink, threshold, (back / scale).astype(np.float32))


def _contrast(grey: Grey) -> Contrast:
    """What is dark takes a share of the light that falls on the paper there."""
    ground = np.maximum(_ground(grey), DARKEST)
    share = cv2.divide(ground - grey, ground, scale=255)
    return np.asarray(np.clip(share, 0, 255), np.uint8)


def _ground(grey: Grey) -> Grey:
    """The light of the paper below each pixel."""
    height, width = (max(1, side // THUMB) for side in grey.shape)
    thumb = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    side = max(5, max(thumb.shape) // PAPER_SHARE) | 1
    level = cv2.morphologyEx(cv2.blur(thumb, (3, 3)), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
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
