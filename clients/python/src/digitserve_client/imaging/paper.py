"""The light of the paper at each pixel of a picture."""

import functools
from collections.abc import Iterator
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, quantile, thumbnail

MIN_CONTRAST = 12.0  # grey levels between paper and ink; what differs less is paper
THUMB_PX = 32  # the side of the small picture that surfaces are fitted to
EVEN_SIDE_PX = 32  # smaller pictures are lit evenly
TIGHT_SIDE_PX = 40  # larger pictures show some paper
MAJORITY = 0.6  # a level that so many pixels have is the paper's
CURVED_ROUNDS = 5  # until the ink is no longer among what the surface is fitted to
CURVED_SIDE_PX = 24  # where the light may change by a curve; in smaller pictures the ink would be fitted
FEW = 16  # points are too few for a curved surface
LOCAL_PX = 128  # the side of the picture that shadows are followed in
STROKE_SHARE = 0.3  # of the shorter side: strokes are thinner, shadows wider
RIDGE = 1e-4  # of a ridge regression: keeps the fit from failing where the points lie on a line

Chosen: TypeAlias = NDArray[np.bool_]
Powers: TypeAlias = tuple[tuple[int, int], ...]
"""Of x and of y in each term of a surface."""
PLANE: Powers = ((0, 0), (1, 0), (0, 1))
CURVED: Powers = (*PLANE, (2, 0), (1, 1), (0, 2))


def even_grounds(grey: Grey) -> Iterator[Grey]:
    """The light of the paper as one smooth surface; the likelier guesses first.

    The paper is what most pixels show, or what the border shows: a bold digit may hold most of a picture,
    and a printed frame most of a border. Where a small picture was cropped to the ink, it is neither: then it
    is the darkest there is, or the lightest.
    """
    thumb = thumbnail(grey, THUMB_PX)
    common = _near_median(thumb, thumb.ravel())
    is_paper = np.count_nonzero(common) >= MAJORITY * common.size
    yield _fitted(thumb, common if is_paper else _bordering(thumb), grey.shape)
    yield _fitted(thumb, _bordering(thumb) if is_paper else common, grey.shape)
    if min(grey.shape) < TIGHT_SIDE_PX:
        for share in (0.05, 0.95):
            yield np.full(grey.shape, quantile(thumb, share), np.float32)
    if min(grey.shape) >= CURVED_SIDE_PX:
        yield _curved(thumb, grey.shape)


def local_ground(grey: Grey, *, dark_ink: bool) -> Grey:
    """The light around each pixel, for shadows with edges: what is narrower than a shadow is taken out."""
    thumb = thumbnail(grey, LOCAL_PX)
    kind = cv2.MORPH_CLOSE if dark_ink else cv2.MORPH_OPEN
    level = cv2.morphologyEx(cv2.blur(thumb, (3, 3)), kind, np.ones(_stroke_box(thumb), np.uint8))
    return np.asarray(cv2.resize(level, grey.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def has_dark_ink(grey: Grey, ground: Grey | None = None) -> bool:
    """Whether the ink is darker than the ground; without one, than what is around each pixel."""
    return lean(from_around(grey) if ground is None else thumbnail(grey - ground, LOCAL_PX)) < 0


def from_around(grey: Grey) -> Grey:
    """How much each pixel, seen from afar, differs from what is around it, wider than a stroke."""
    thumb = thumbnail(grey, LOCAL_PX)
    return np.asarray(thumb - cv2.blur(thumb, _stroke_box(thumb)), np.float32)


def lean(difference: Grey) -> float:
    """How skewed it is: from -1, all that is far from the ground is darker, to 1, all of it is lighter.

    Noise is as often above the ground as below; ink is on one side, and far: as in the skewness, the third
    power shows it.
    """
    cubes = difference * difference * difference
    return float(cubes.sum()) / max(float(np.abs(cubes).sum()), 1e-6)


def _stroke_box(thumb: Grey) -> tuple[int, int]:
    """Wider than strokes, narrower than shadows: width and height, odd."""
    side = int(STROKE_SHARE * min(thumb.shape)) | 1
    return side, side


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
    middle = quantile(sample, 0.5)
    spread = quantile(np.abs(sample - middle), 0.5)
    near: Chosen = np.abs(thumb - middle) <= min(max(3 * spread, MIN_CONTRAST), 64)
    return near


def _fitted(thumb: Grey, near: Chosen, shape: tuple[int, ...]) -> Grey:
    """First a plane through some of the paper, then a curved surface through all that is near to it."""
    if min(thumb.shape) < EVEN_SIDE_PX // 2 or min(shape) < EVEN_SIDE_PX:
        return np.full(shape, thumb[near].mean(), np.float32)
    plane = _weights(thumb, near, PLANE)
    paper: Chosen = np.abs(thumb - _surface(plane, PLANE, thumb.shape)) <= MIN_CONTRAST
    if np.count_nonzero(paper) < FEW:
        return _surface(plane, PLANE, shape)
    return _surface(_weights(thumb, paper, CURVED), CURVED, shape)


def _curved(thumb: Grey, shape: tuple[int, ...]) -> Grey:
    """The curved surface that most of the picture is near to: light that falls off towards the corners."""
    near: Chosen = np.ones(thumb.shape, np.bool_)
    for _ in range(CURVED_ROUNDS):
        weights = _weights(thumb, near, CURVED)
        off = np.abs(thumb - _surface(weights, CURVED, thumb.shape))
        before, near = near, off <= max(quantile(off, MAJORITY), MIN_CONTRAST / 4)
        if (near == before).all():
            break
    return _surface(weights, CURVED, shape)


def _weights(thumb: Grey, where: Chosen, powers: Powers) -> Grey:
    """Of each term of the surface that fits the pixels of `where` best."""
    terms = _terms(thumb.shape, powers)
    chosen = terms * where.reshape(-1, 1)
    normal = chosen.T @ terms + np.eye(len(powers), dtype=np.float32) * RIDGE
    _, weights = cv2.solve(normal, chosen.T @ thumb.reshape(-1, 1), flags=cv2.DECOMP_CHOLESKY)
    return np.asarray(weights, np.float32).ravel()


@functools.lru_cache(maxsize=64)
def _terms(shape: tuple[int, ...], powers: Powers) -> Grey:
    """The value of each term at each pixel: (pixels, terms)."""
    y, x = (_powers(side) for side in shape)
    return np.stack([np.multiply.outer(y[j], x[i]).ravel() for i, j in powers], axis=1)


def _surface(weights: Grey, powers: Powers, shape: tuple[int, ...]) -> Grey:
    y, x = (_powers(side) for side in shape)
    table = np.zeros((3, 3), np.float32)
    for weight, (i, j) in zip(weights, powers, strict=True):
        table[j, i] = weight
    return np.asarray(y.T @ table @ x, np.float32)


@functools.lru_cache(maxsize=256)
def _powers(side_px: int) -> Grey:
    """(3, side_px): 1, x and x squared at the middles of the pixels; x goes from -1 to 1."""
    x = (np.arange(side_px, dtype=np.float32) * 2 + 1) / np.float32(side_px) - 1
    return np.stack([np.ones_like(x), x, x * x])
