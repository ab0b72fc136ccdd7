"""The light of the paper at each pixel of a picture."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, thumbnail

MIN_CONTRAST = 12.0  # grey levels between paper and ink; what differs less is paper
THUMB_PX = 32  # the side of the small picture that surfaces are fitted to
EVEN_SIDE_PX = 32  # smaller pictures are lit evenly
MAJORITY = 0.6  # a level that so many pixels have is the paper's
FEW = 16  # points are too few for a curved surface
LOCAL_PX = 128  # the side of the picture that shadows are followed in
STROKE_SHARE = 0.3  # of the shorter side: strokes are thinner, shadows wider
RIDGE = 1e-4  # keeps the fit from failing where the points lie on a line

Chosen = NDArray[np.bool_]


def even_grounds(grey: Grey) -> Iterator[Grey]:
    """The light of the paper as one smooth surface; the likelier guess first, where there are two.

    The paper is what most pixels show, or what the border shows: a bold digit may hold most of a picture,
    and a printed frame most of a border.
    """
    thumb = thumbnail(grey, THUMB_PX)
    common, bordering = _near_median(thumb, thumb.ravel()), _bordering(thumb)
    yield _fitted(thumb, common if common.mean() >= MAJORITY else bordering, grey.shape)
    if not np.array_equal(common, bordering):
        yield _fitted(thumb, bordering if common.mean() >= MAJORITY else common, grey.shape)


def local_ground(grey: Grey, *, dark_ink: bool) -> Grey:
    """The light around each pixel, for shadows with edges: what is narrower than a shadow is taken out."""
    thumb = thumbnail(grey, LOCAL_PX)
    side = int(STROKE_SHARE * min(thumb.shape)) | 1
    kind = cv2.MORPH_CLOSE if dark_ink else cv2.MORPH_OPEN
    level = cv2.morphologyEx(cv2.blur(thumb, (3, 3)), kind, np.ones((side, side), np.uint8))
    return np.asarray(cv2.resize(level, grey.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def has_dark_ink(grey: Grey, ground: Grey | None = None) -> bool:
    """Whether the ink is darker than the ground; without one, than what is around each pixel.

    Noise is as often above the ground as below; ink is on one side, and far: the third power shows it.
    """
    thumb = thumbnail(grey, LOCAL_PX)
    side = int(STROKE_SHARE * min(thumb.shape)) | 1
    around = cv2.blur(thumb, (side, side)) if ground is None else thumbnail(ground, LOCAL_PX)
    difference = (thumb - around).ravel().astype(np.float64)
    return float(np.dot(difference, difference * difference)) < 0


def _bordering(thumb: Grey) -> Chosen:
    """The pixels of the border that have its usual level; all pixels of that level if the border has none."""
    border = np.ones(thumb.shape, np.bool_)
    rim_y, rim_x = (max(1, side // 20) for side in thumb.shape)
    border[rim_y:-rim_y, rim_x:-rim_x] = False
    rim = thumb[border]
    inner = thumb.ravel()[:: max(1, thumb.size // rim.size)]
    near = _near_median(thumb, np.concatenate([rim, inner]))
    at_border: Chosen = border & near
    return at_border if at_border.any() else near


def _near_median(thumb: Grey, sample: Grey) -> Chosen:
    middle = np.sort(sample)[(sample.size - 1) // 2]  # one of the values, never between two
    spread = float(np.median(np.abs(sample - middle)))
    near: Chosen = np.abs(thumb - middle) <= min(max(3 * spread, MIN_CONTRAST), 64)
    return near


def _fitted(thumb: Grey, near: Chosen, shape: tuple[int, ...]) -> Grey:
    """First a plane through some of the paper, then a curved surface through all that is near to it."""
    if min(thumb.shape) < EVEN_SIDE_PX // 2 or min(shape) < EVEN_SIDE_PX:
        return np.full(shape, thumb[near].mean(), np.float32)
    plane = _surface(thumb, near, 1, thumb.shape)
    paper: Chosen = np.abs(thumb - plane) <= MIN_CONTRAST
    if np.count_nonzero(paper) < FEW:
        return _surface(thumb, near, 1, shape)
    return _surface(thumb, paper, 2, shape)


def _surface(thumb: Grey, where: Chosen, degree: int, shape: tuple[int, ...]) -> Grey:
    """The plane (degree 1) or the curved surface (degree 2) that fits the pixels of `where` best."""
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    y, x = _axes(thumb.shape)
    rows, columns = np.nonzero(where)
    terms = np.stack([x[columns] ** i * y[rows] ** j for i, j in powers], axis=1)
    normal = terms.T @ terms + np.eye(len(powers), dtype=np.float32) * RIDGE
    weights = np.linalg.solve(normal, terms.T @ thumb[rows, columns])
    y, x = _axes(shape)
    surface = np.zeros(shape, np.float32)
    for i in range(degree + 1):
        column = sum(weights[powers.index((i, j))] * y**j for j in range(degree + 1 - i))
        surface += np.multiply.outer(np.asarray(column), x**i)
    return surface


def _axes(shape: tuple[int, ...]) -> tuple[Grey, Grey]:
    """The middles of the pixels, from -1 at one border to 1 at the other, in both directions."""
    y, x = ((np.arange(side, dtype=np.float32) * 2 + 1) / side - 1 for side in shape)
    return y, x
