"""A sheet of paper that lies on something darker: where its sides are, and how it looks from above."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, thumbnail
from digitserve_client.pages.quads import Quads, areas, enclosed_by, inward, lines_of

LOOKED_AT_PX = 512  # the longer side of the picture that is looked at
CLOSED_PX = 9  # writing on the sheet is narrower than that there
DARKEST = 16.0  # grey levels: in deeper shade, noise has edges
EDGES = (20, 50)  # of 255 for all that light may differ: Canny's thresholds
LIGHTER, BESIDE_PX = 1.25, 4  # times as light as what it lies on is a sheet, so near to its sides
EDGE, SAMPLES = 0.8, 64  # so much of each side is such an edge; places that are looked at
SEEN = 0.3  # of a side is in the picture, at least
LEAST_SHARE, LARGE = 0.1, 0.25  # of the picture that a sheet covers, at least; a large one is believed
DARK = 0.85  # of what is around any other is darker than most of it
MOST_TRIED = 20  # of these, so many
COMPARABLE, ALIKE = 0.5, 0.9  # of the largest that fits: so large must one be that fits better
EVEN_PX = 25  # over so much is that light evened out
INSIDE_PX = 2.0  # nearer to its sides there may be some of what it lies on

Matrix = NDArray[np.float64]
"""(3, 3): a projective map of points (x, y, 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """corners: (4, 2), x and y, clockwise from the upper left. is_whole: no side of it is the picture's."""

    corners: NDArray[np.float64]
    is_whole: bool


def from_above(grey: Grey) -> tuple[Grey, Matrix]:
    """The sheet alone, and the map back to the picture; the picture, if no sheet lies in it.

    Where a side of it is not in the picture, it stays as it was seen, and paper covers what it lies on.
    """
    small = thumbnail(grey, LOOKED_AT_PX)
    level = _level(small)
    sheet = _sheet(np.asarray(np.log(np.maximum(level, DARKEST)), np.float32))
    if sheet is None:
        return grey, np.eye(3)
    if not sheet.is_whole:
        return _continued(grey, level, sheet), np.eye(3)
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


def _continued(grey: Grey, level: Grey, sheet: _Sheet) -> Grey:
    """The picture, with the light of the nearest place of the sheet wherever the sheet is not."""
    beside = 1 - _filled(sheet.corners, level.shape)
    _, nearest = cv2.distanceTransformWithLabels(
        beside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    light = np.zeros(int(nearest.max()) + 1, np.float32)
    light[nearest[beside == 0]] = level[beside == 0]
    even = cv2.blur(light[nearest], (EVEN_PX, EVEN_PX))  # or each dark pixel of its rim would become a stroke
    size = grey.shape[::-1]
    paper = cv2.resize(even, size, interpolation=cv2.INTER_LINEAR)
    covered = cv2.resize(beside, size, interpolation=cv2.INTER_NEAREST) > 0
    return np.asarray(np.where(covered, paper, grey), np.float32)


def _sheet(light: Grey) -> _Sheet | None:
    """The best of all that four straight edges enclose; the picture's sides may stand for the sheet's.

    `light` is its logarithm: an edge in the shade is as high as one in the light. A threshold would take the
    edge of a shadow for that of the sheet.
    """
    scale = 255 / math.log(255 / DARKEST)
    shades = np.clip((light - math.log(DARKEST)) * scale, 0, 255).astype(np.uint8)
    quads, outer = enclosed_by(*lines_of(cv2.Canny(shades, *EDGES)))
    sizes = areas(np.clip(quads, 0, light.shape[::-1])) / light.size
    fits = ~outer.all(axis=1) & (sizes >= LEAST_SHARE)
    quads, outer, sizes = quads[fits], outer[fits], sizes[fits]
    edges = np.where(outer, 1, _edges(light, quads))
    found = _believable(light, quads, outer, np.where(edges.min(axis=1) >= EDGE, sizes, 0))
    if not found.size:
        return None
    found = found[sizes[found] >= COMPARABLE * sizes[found].max()]
    found = found[outer[found].sum(axis=1) == outer[found].sum(axis=1).min()]
    found = found[sizes[found] >= ALIKE * sizes[found].max()]
    best = found[[np.argmax(edges[found].sum(axis=1))]]
    [moved] = inward(quads[best]) * np.where(outer[best], 0, INSIDE_PX)[..., np.newaxis]
    return _Sheet(quads[best][0] + moved + np.roll(moved, 1, axis=0), not outer[best].any())


def _believable(
    light: Grey, quads: Quads, outer: NDArray[np.bool_], sizes: NDArray[np.float64]
) -> NDArray[np.intp]:
    """The large ones with sides of their own, and the largest others with darkness around; none of size 0.

    A small one may be a white field of a coloured form, and one that ends with the picture a part of a page.
    """
    is_large = (sizes >= LARGE) & ~outer.any(axis=1)
    others = np.flatnonzero((sizes > 0) & ~is_large)
    tried = others[np.argsort(-sizes[others])][:MOST_TRIED]
    on_dark = [each for each in tried.tolist() if _lies_on_dark(light, quads[each])]
    return np.concatenate([np.flatnonzero(is_large), np.array(on_dark, np.intp)])


def _lies_on_dark(light: Grey, corners: NDArray[np.float64]) -> bool:
    inside = _filled(corners, light.shape) > 0
    darker = light[~inside] < np.median(light[inside]) - math.log(LIGHTER)
    return bool(darker.size and darker.mean() >= DARK)


def _filled(corners: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """1 inside, else 0."""
    mask = np.zeros(shape, np.uint8)
    return np.asarray(cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1), np.uint8)


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
