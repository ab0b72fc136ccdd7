"""A sheet of paper that lies on something darker: where its sides are, and how it looks from above."""

import math
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, thumbnail

LOOKED_AT_PX = 512  # the longer side of the picture that is looked at
CLOSED_PX = 9  # writing on the sheet is narrower than that there
DARKEST = 16.0  # grey levels: in deeper shade, noise has edges
EDGES = (20, 50)  # of 255 for all that light may differ: Canny's thresholds
VOTES, MOST_LINES = 40, 12  # edge pixels on a line; lines in either direction that may be sides
MOST_DEGREES, APART_PX = 40.0, 12.0  # a side is turned by less; how far two lines are apart at both ends
LIGHTER, BESIDE_PX = 1.25, 4  # times as light as what it lies on is a sheet, so near to its sides
EDGE, SAMPLES = 0.8, 64  # so much of each side is such an edge; places that are looked at
SEEN = 0.3  # of a side is in the picture, at least
LEAST_SHARE, LARGE = 0.1, 0.25  # of the picture that a sheet covers, at least; a large one is believed
DARK = 0.85  # of what is around another one is darker than most of it
COMPARABLE, ALIKE = 0.5, 0.9  # of the largest that fits: so large must one be that fits better
MOST_TRIED = 20  # quads that are compared with what is around them
INSIDE_PX = 2.0  # nearer to its sides there may be some of what it lies on

Matrix = NDArray[np.float64]
"""(3, 3): a projective map of points (x, y, 1)."""
Lines = NDArray[np.float64]
"""(N, 3): a, b and c of a·x + b·y = c."""
Quads = NDArray[np.float64]
"""(N, 4, 2): x and y of corners, clockwise from the upper left."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """corners: (4, 2), in what is looked at. is_whole: no side of it is the picture's."""

    corners: NDArray[np.float64]
    is_whole: bool


def from_above(grey: Grey) -> tuple[Grey, Matrix]:
    """The sheet alone, and the map back to the picture; the picture, if no sheet lies in it.

    Where some of its sides are not in the picture, it stays as it was seen, and paper covers what it lies on.
    """
    small = thumbnail(grey, LOOKED_AT_PX)
    level = _level(small)
    sheet = _sheet(np.asarray(np.log(np.maximum(level, DARKEST)), np.float32))
    if sheet is None:
        return grey, np.eye(3)
    if not sheet.is_whole:
        return _continued(grey, level, sheet.corners), np.eye(3)
    corners = np.asarray((sheet.corners + 0.5) * max(grey.shape) / max(small.shape), np.float32)
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    width, height = round(float(max(sides[0], sides[2]))), round(float(max(sides[1], sides[3])))
    upright = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    there = cv2.getPerspectiveTransform(corners, upright)
    seen = cv2.warpPerspective(grey, there, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32), np.asarray(np.linalg.inv(there), np.float64)


def _level(small: Grey) -> Grey:
    """The light without writing."""
    box = np.ones((CLOSED_PX, CLOSED_PX), np.uint8)
    return np.asarray(cv2.morphologyEx(cv2.blur(small, (3, 3)), cv2.MORPH_CLOSE, box), np.float32)


def _continued(grey: Grey, level: Grey, corners: NDArray[np.float64]) -> Grey:
    """The picture with the light of the nearest place of the sheet wherever the sheet is not."""
    beside = cv2.fillConvexPoly(np.ones(level.shape, np.uint8), np.rint(corners).astype(np.int32), 0)
    _, nearest = cv2.distanceTransformWithLabels(
        beside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    light = np.zeros(int(nearest.max()) + 1, np.float32)
    light[nearest[beside == 0]] = level[beside == 0]
    size = grey.shape[::-1]
    paper = cv2.resize(light[nearest], size, interpolation=cv2.INTER_LINEAR)
    is_beside = cv2.resize(beside, size, interpolation=cv2.INTER_NEAREST) > 0
    return np.asarray(np.where(is_beside, paper, grey), np.float32)


def _sheet(light: Grey) -> _Sheet | None:
    """Among all that four straight edges enclose; a threshold of the light would find the edge of a shadow.

    `light` is its logarithm: an edge in the shade is as high as one in the light. The picture's own sides
    may stand for those of the sheet.
    """
    lines = _lines(light)
    quads, whose = _quads(*lines, light.shape)
    edges = _edges(light, quads)
    edges[whose] = 1
    areas = _areas(np.stack([quads[..., 0].clip(0, light.shape[1]), quads[..., 1].clip(0, len(light))], -1))
    found = np.flatnonzero((edges.min(axis=1) >= EDGE) & ~whose.all(axis=1))
    is_large = (areas[found] >= LARGE * light.size) & ~whose[found].any(axis=1)
    others = found[~is_large][np.argsort(-areas[found[~is_large]])][:MOST_TRIED]
    on_dark = [each for each in others.tolist() if _lies_on_dark(light, quads[each])]
    found = np.append(found[is_large], np.array(on_dark, np.intp))
    if not len(found):
        return None
    found = found[areas[found] >= COMPARABLE * areas[found].max()]
    own = whose[found].sum(axis=1)
    found = found[own == own.min()]
    found = found[areas[found] >= ALIKE * areas[found].max()]
    best = found[np.argmax(edges[found].sum(axis=1))]
    inward = _inward(quads[[best]])[0] * np.where(whose[best], 0, INSIDE_PX)[:, np.newaxis]
    return _Sheet(quads[best] + inward + np.roll(inward, 1, axis=0), not whose[best].any())


def _lies_on_dark(light: Grey, corners: NDArray[np.float64]) -> bool:
    inside = cv2.fillConvexPoly(np.zeros(light.shape, np.uint8), np.rint(corners).astype(np.int32), 1) > 0
    if inside.all() or not inside.any():
        return False
    return bool((light[~inside] < np.median(light[inside]) - math.log(LIGHTER)).mean() >= DARK)


def _lines(light: Grey) -> tuple[Lines, Lines]:
    """Those with most edges on them (Hough 1962), and the picture's sides: across from the uppermost, down."""
    scale = 255 / math.log(255 / DARKEST)
    shades = np.clip((light - math.log(DARKEST)) * scale, 0, 255).astype(np.uint8)
    found = cv2.HoughLines(cv2.Canny(shades, *EDGES), 1, math.pi / 360, VOTES)
    polar = np.empty((0, 2)) if found is None else found.reshape(-1, 2).astype(np.float64)
    lines = np.column_stack([np.cos(polar[:, 1]), np.sin(polar[:, 1]), polar[:, 0]])
    level = math.cos(math.radians(MOST_DEGREES))
    across, down = lines[lines[:, 1] >= level], lines[np.abs(lines[:, 0]) >= level]
    height, width = light.shape
    return _apart(across, width, height), _apart(down[:, [1, 0, 2]], height, width)[:, [1, 0, 2]]


def _apart(lines: Lines, length: int, depth: int) -> Lines:
    """Lines across a picture of that width and height, the first of each bundle, between its own sides."""
    ends = np.column_stack([lines[:, 2], lines[:, 2] - lines[:, 0] * length]) / lines[:, 1:2]
    chosen: list[int] = []
    for number in range(len(lines)):
        if len(chosen) == MOST_LINES:
            break
        if (np.abs(ends[chosen] - ends[number]).sum(axis=1) >= APART_PX).all():
            chosen.append(number)
    found = lines[sorted(chosen, key=lambda number: ends[number].sum())]
    return np.vstack([[0.0, 1.0, 0.0], found, [0.0, 1.0, depth - 1.0]])


def _quads(across: Lines, down: Lines, shape: tuple[int, ...]) -> tuple[Quads, NDArray[np.bool_]]:
    """Between two lines across and two down; and which of their sides, from the upper one, the picture's are."""
    a, b = across[:, np.newaxis], down[np.newaxis]
    divisor = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    x = (a[..., 2] * b[..., 1] - a[..., 1] * b[..., 2]) / divisor
    y = (a[..., 0] * b[..., 2] - a[..., 2] * b[..., 0]) / divisor
    points = np.stack([x, y], axis=-1)
    rows, columns = (np.array(list(combinations(range(len(each)), 2))) for each in (across, down))
    (upper, left), (lower, right) = (
        (each[0].ravel(), each[1].ravel())
        for each in (
            np.meshgrid(rows[:, 0], columns[:, 0], indexing="ij"),
            np.meshgrid(rows[:, 1], columns[:, 1], indexing="ij"),
        )
    )
    quads = points[np.stack([upper, upper, lower, lower], 1), np.stack([left, right, right, left], 1)]
    whose = np.stack([upper == 0, right == len(down) - 1, lower == len(across) - 1, left == 0], axis=1)
    sides = np.roll(quads, -1, axis=1) - quads
    is_convex = (_cross(sides, np.roll(sides, -1, axis=1)) > 0).all(axis=1)
    fits = is_convex & (_areas(quads) >= LEAST_SHARE * shape[0] * shape[1])
    return np.asarray(quads[fits]), np.asarray(whose[fits])


def _cross(one: Quads, other: Quads) -> NDArray[np.float64]:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def _areas(quads: Quads) -> NDArray[np.float64]:
    return np.asarray(_cross(quads, np.roll(quads, -1, axis=1)).sum(axis=1) / 2)


def _inward(quads: Quads) -> Quads:
    """Of each side, from its corner clockwise to the next, the direction into the quad; of length 1."""
    sides = np.roll(quads, -1, axis=1) - quads
    return np.asarray(sides[..., ::-1] * (-1, 1) / np.linalg.norm(sides, axis=2, keepdims=True))


def _edges(light: Grey, quads: Quads) -> NDArray[np.float64]:
    """(N, 4): of each side, the share along which it is so much lighter inside; 0 if too little is seen."""
    along = ((np.arange(SAMPLES) + 0.5) / SAMPLES)[:, np.newaxis]
    sides = (np.roll(quads, -1, axis=1) - quads)[:, :, np.newaxis]
    places, beside = quads[:, :, np.newaxis] + along * sides, BESIDE_PX * _inward(quads)[:, :, np.newaxis]
    outside, inside = places - beside, places + beside
    limits = np.array(light.shape[::-1]) - 1
    seen = ((np.minimum(outside, inside) >= 0) & (np.maximum(outside, inside) <= limits)).all(axis=-1)
    rise = _at(light, inside) - _at(light, outside)
    count = seen.sum(axis=2)
    share = ((rise >= math.log(LIGHTER)) & seen).sum(axis=2) / np.maximum(count, 1)
    return np.asarray(np.where(count >= SEEN * SAMPLES, share, 0.0))


def _at(light: Grey, places: NDArray[np.float64]) -> Grey:
    x, y = np.moveaxis(np.rint(places).astype(np.intp), -1, 0)
    return np.asarray(light[y.clip(0, len(light) - 1), x.clip(0, light.shape[1] - 1)])
