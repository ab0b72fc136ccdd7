"""A sheet of paper that lies on something darker: where its corners are, and how it looks from above."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, thumbnail
from digitserve_client.pages.quads import Quads, areas, enclosed_by, inward, lines_of

LOOKED_AT_PX = 512  # the longer side of the picture that is looked at
CLOSED_PX = 9  # writing on the sheet is narrower than that there
DARKEST = 16.0  # grey levels: in deeper shade, noise has edges
EDGES = (20, 50)  # Canny's thresholds, where 255 is the step from DARKEST to white
LIGHTER, BESIDE_PX = 1.25, 4  # a sheet is so many times as light as what it lies on, so near to its sides
EDGE, SAMPLES = 0.8, 64  # the share of each side that is such an edge, at least; places that are looked at
SEEN = 0.3  # of a side is in the picture, at least
LEAST_SHARE = 0.1  # of the picture is covered by a sheet, at least
LARGE = 0.25  # of the picture: a larger sheet need not have something darker all around
DARK = 0.85  # of what is around a smaller one is darker than most of it, at least
ALIKE = 0.9  # of the largest that fits: among those at least so large, the one that fits best is taken
INSIDE_PX = 2.0  # nearer to its sides there may be some of what it lies on

Matrix = NDArray[np.float64]
"""(3, 3): a projective map of points (x, y, 1)."""


def from_above(grey: Grey) -> tuple[Grey, Matrix]:
    """The sheet alone, if its four sides are in the picture, else the picture; and the map back to it."""
    corners = _corners(grey)
    if corners is None:
        return grey, np.eye(3)
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width, height = round(float(max(sides[0], sides[2]))), round(float(max(sides[1], sides[3])))
    upright = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    there = cv2.getPerspectiveTransform(corners, upright)
    sheet = cv2.warpPerspective(grey, there, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sheet, np.float32), np.asarray(np.linalg.inv(there), np.float64)


def _corners(grey: Grey) -> NDArray[np.float32] | None:
    """(4, 2): x and y, clockwise from the upper left, at times outside; None without a sheet.

    The best of all that four straight edges enclose: a threshold would take the edge of a shadow for one of
    the sheet.
    """
    small = thumbnail(grey, LOOKED_AT_PX)
    light = _light(small)
    scale = 255 / math.log(255 / DARKEST)
    shades = np.clip((light - math.log(DARKEST)) * scale, 0, 255).astype(np.uint8)
    quads = enclosed_by(*lines_of(cv2.Canny(shades, *EDGES)))
    sizes = areas(np.clip(quads, 0, light.shape[::-1])) / light.size
    quads, sizes = quads[sizes >= LEAST_SHARE], sizes[sizes >= LEAST_SHARE]
    edges = _edges(light, quads)
    found = [
        each
        for each in np.flatnonzero(edges.min(axis=1) >= EDGE).tolist()
        if sizes[each] >= LARGE or _lies_on_dark(light, quads[each])
    ]
    if not found:
        return None
    alike = [each for each in found if sizes[each] >= ALIKE * sizes[found].max()]
    best = max(alike, key=lambda each: float(edges[each].sum()))
    moved = INSIDE_PX * inward(quads[[best]])[0]
    corners = quads[best] + moved + np.roll(moved, 1, axis=0)
    return np.asarray((corners + 0.5) * max(grey.shape) / max(small.shape), np.float32)


def _light(small: Grey) -> Grey:
    """Its logarithm, without writing: an edge in the shade is as high as one in the light."""
    box = np.ones((CLOSED_PX, CLOSED_PX), np.uint8)
    level = cv2.morphologyEx(cv2.blur(small, (3, 3)), cv2.MORPH_CLOSE, box)
    return np.asarray(np.log(np.maximum(level, DARKEST)), np.float32)


def _lies_on_dark(light: Grey, corners: NDArray[np.float64]) -> bool:
    """Whether it is darker all around: a white field of a coloured form has others beside it."""
    mask = cv2.fillConvexPoly(np.zeros(light.shape, np.uint8), np.rint(corners).astype(np.int32), 1)
    darker = light[mask == 0] < np.median(light[mask > 0]) - math.log(LIGHTER)
    return bool(darker.mean() >= DARK)


def _edges(light: Grey, quads: Quads) -> NDArray[np.float64]:
    """(N, 4): of each side, the share along which it is so much lighter inside; 0 if too little is seen."""
    along = ((np.arange(SAMPLES) + 0.5) / SAMPLES)[:, np.newaxis]
    sides = (np.roll(quads, -1, axis=1) - quads)[:, :, np.newaxis]
    places, beside = quads[:, :, np.newaxis] + along * sides, BESIDE_PX * inward(quads)[:, :, np.newaxis]
    both = np.stack([places + beside, places - beside])
    seen = ((both >= 0) & (both <= np.array(light.shape[::-1]) - 1)).all(axis=(0, -1))
    inside, outside = _at(light, both)
    count = seen.sum(axis=2)
    share = ((inside - outside >= math.log(LIGHTER)) & seen).sum(axis=2) / np.maximum(count, 1)
    return np.asarray(np.where(count >= SEEN * SAMPLES, share, 0.0))


def _at(light: Grey, places: NDArray[np.float64]) -> Grey:
    x, y = np.moveaxis(np.rint(places).astype(np.intp), -1, 0)
    return np.asarray(light[y.clip(0, len(light) - 1), x.clip(0, light.shape[1] - 1)])
