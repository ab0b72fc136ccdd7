"""A sheet of paper that lies on something darker: where its corners are, and how it looks from above."""

import math
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, thumbnail

LOOKED_AT_PX = 512  # the longer side of the picture that is looked at
CLOSED_PX = 9  # writing on the sheet is narrower than that there
DARKEST = 16.0  # grey levels: in deeper shade, noise has edges
EDGES = (20, 50)  # of 255 for all that light may differ: Canny's thresholds
VOTES, MOST_LINES = 40, 10  # edge pixels on a line; lines in either direction that may be sides
MOST_DEGREES, APART_PX = 40.0, 12.0  # a side is turned by less; how far two lines are apart at both ends
LIGHTER, BESIDE_PX = 1.25, 4  # times as light as what it lies on is a sheet, so near to its sides
EDGE, SAMPLES = 0.8, 64  # so much of each side is such an edge; places that are looked at
LEAST_SHARE, ALIKE = 0.25, 0.9  # of the picture that a sheet covers; of the largest that fits
INSIDE_PX = 2.0  # nearer to its sides there may be some of what it lies on

Matrix = NDArray[np.float64]
"""(3, 3): a projective map of points (x, y, 1)."""
Lines = NDArray[np.float64]
"""(N, 3): a, b and c of a·x + b·y = c."""
Quads = NDArray[np.float64]
"""(N, 4, 2): x and y of corners, clockwise from the upper left."""


def from_above(grey: Grey) -> tuple[Grey, Matrix]:
    """The sheet alone, if all of its corners are in the picture, else the picture; and the map back to it."""
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
    """(4, 2): x and y, clockwise from the upper left; None without a sheet whose corners are all there.

    Among all that four straight edges enclose; a threshold of the light would find the edge of a shadow.
    """
    small = thumbnail(grey, LOOKED_AT_PX)
    light = _light(small)
    quads = _quads(*_lines(light), light.shape)
    edges = _edges(light, quads)
    is_sheet = edges.min(axis=1) >= EDGE
    quads, edges = quads[is_sheet], edges[is_sheet].sum(axis=1)
    if not len(quads):
        return None
    areas = _areas(quads)
    best = int(np.argmax(np.where(areas >= ALIKE * areas.max(), edges, 0)))
    corners = quads[best] + INSIDE_PX * (_inward(quads)[best] + np.roll(_inward(quads)[best], 1, axis=0))
    return np.asarray((corners + 0.5) * max(grey.shape) / max(small.shape), np.float32)


def _light(small: Grey) -> Grey:
    """Its logarithm, without writing: an edge in the shade is as high as one in the light."""
    box = np.ones((CLOSED_PX, CLOSED_PX), np.uint8)
    level = cv2.morphologyEx(cv2.blur(small, (3, 3)), cv2.MORPH_CLOSE, box)
    return np.asarray(np.log(np.maximum(level, DARKEST)), np.float32)


def _lines(light: Grey) -> tuple[Lines, Lines]:
    """Those with most edges on them: across from the uppermost, down from the leftmost (Hough 1962)."""
    scale = 255 / math.log(255 / DARKEST)
    shades = np.clip((light - math.log(DARKEST)) * scale, 0, 255).astype(np.uint8)
    found = cv2.HoughLines(cv2.Canny(shades, *EDGES), 1, math.pi / 360, VOTES)
    polar = np.empty((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)
    lines = np.column_stack([np.cos(polar[:, 1]), np.sin(polar[:, 1]), polar[:, 0]])
    level = math.sin(math.radians(90 - MOST_DEGREES))
    across, down = lines[lines[:, 1] >= level], lines[np.abs(lines[:, 0]) >= level]
    height, width = light.shape
    return _apart(across, width), _apart(down[:, [1, 0, 2]], height)[:, [1, 0, 2]]


def _apart(lines: Lines, length: float) -> Lines:
    """Lines across a picture of that width, the first of each bundle, from the uppermost."""
    ends = np.column_stack([lines[:, 2], lines[:, 2] - lines[:, 0] * length]) / lines[:, 1:2]
    chosen: list[int] = []
    for number in range(len(lines)):
        if len(chosen) == MOST_LINES:
            break
        if (np.abs(ends[chosen] - ends[number]).sum(axis=1) >= APART_PX).all():
            chosen.append(number)
    return lines[sorted(chosen, key=lambda number: ends[number].sum())]


def _quads(across: Lines, down: Lines, shape: tuple[int, ...]) -> Quads:
    """All that lie in the picture between two lines across and two down, and cover enough of it."""
    a, b = across[:, np.newaxis], down[np.newaxis]
    divisor = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    x = (a[..., 2] * b[..., 1] - a[..., 1] * b[..., 2]) / divisor
    y = (a[..., 0] * b[..., 2] - a[..., 2] * b[..., 0]) / divisor
    points = np.stack([x, y], axis=-1)
    quads = np.array(
        [
            points[[upper, upper, lower, lower], [left, right, right, left]]
            for upper, lower in combinations(range(len(across)), 2)
            for left, right in combinations(range(len(down)), 2)
        ]
    ).reshape(-1, 4, 2)
    inside = ((quads > 1) & (quads < np.array(shape[::-1]) - 2)).all(axis=(1, 2))
    sides = np.roll(quads, -1, axis=1) - quads
    inside &= (_cross(sides, np.roll(sides, -1, axis=1)) > 0).all(axis=1)
    return np.asarray(quads[inside & (_areas(quads) >= LEAST_SHARE * shape[0] * shape[1])])


def _cross(one: Quads, other: Quads) -> NDArray[np.float64]:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def _areas(quads: Quads) -> NDArray[np.float64]:
    return np.asarray(_cross(quads, np.roll(quads, -1, axis=1)).sum(axis=1) / 2)


def _inward(quads: Quads) -> Quads:
    """Of each side, from its corner clockwise to the next, the direction into the quad; of length 1."""
    sides = np.roll(quads, -1, axis=1) - quads
    return np.asarray(sides[..., ::-1] * (-1, 1) / np.linalg.norm(sides, axis=2, keepdims=True))


def _edges(light: Grey, quads: Quads) -> NDArray[np.float64]:
    """(N, 4): of each side, the share along which it is so much lighter inside."""
    along = ((np.arange(SAMPLES) + 0.5) / SAMPLES)[:, np.newaxis]
    sides = (np.roll(quads, -1, axis=1) - quads)[:, :, np.newaxis]
    places, beside = quads[:, :, np.newaxis] + along * sides, BESIDE_PX * _inward(quads)[:, :, np.newaxis]
    rise = _at(light, places + beside) - _at(light, places - beside)
    return np.asarray((rise >= math.log(LIGHTER)).mean(axis=2))


def _at(light: Grey, places: NDArray[np.float64]) -> Grey:
    x, y = np.moveaxis(np.rint(places).astype(np.intp), -1, 0)
    return np.asarray(light[y.clip(0, len(light) - 1), x.clip(0, light.shape[1] - 1)])
