"""A sheet of paper that lies on something darker: where its corners are, and how it looks from above."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, thumbnail

LOOKED_AT_PX = 512  # the longer side of the picture that is looked at
CLOSED_PX = 9  # writing on the sheet is narrower than that there
LEAST_SHARE, FULL = 0.25, 0.95  # of the picture that a sheet covers; of the area between its corners
BEND = 0.02  # of its outline: edges are so straight
LIGHTER = 30.0  # grey levels between the sheet and what it lies on

Matrix = NDArray[np.float64]
"""(3, 3): a projective map of points (x, y, 1)."""


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
    """(4, 2): x and y, clockwise from the upper left; None without a sheet whose corners are all there."""
    small = thumbnail(grey, LOOKED_AT_PX)
    level, sheet = _lightest(small)
    contours, _ = cv2.findContours(sheet, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = (
        cv2.convexHull(max(contours, key=cv2.contourArea)) if contours else np.empty((0, 1, 2), np.int32)
    )
    if len(outline) < 4 or cv2.contourArea(outline) < LEAST_SHARE * sheet.size:
        return None
    corners = cv2.approxPolyDP(outline, BEND * cv2.arcLength(outline, closed=True), closed=True)[:, 0]
    inside = (corners > 1).all() and (corners < np.array(small.shape[::-1]) - 2).all()
    if len(corners) != 4 or not inside:
        return None
    area = cv2.fillConvexPoly(np.zeros_like(sheet), corners, 1) > 0
    is_sheet = sheet[area].mean() >= FULL and level[area].mean() - level[~area].mean() >= LIGHTER
    scale = max(grey.shape) / max(small.shape)
    return _clockwise((corners.astype(np.float32) + 0.5) * np.float32(scale)) if is_sheet else None


def _lightest(small: Grey) -> tuple[Grey, NDArray[np.uint8]]:
    """The picture without writing, and 1 where its lighter part is (Otsu 1979)."""
    box = np.ones((CLOSED_PX, CLOSED_PX), np.uint8)
    level = cv2.morphologyEx(cv2.blur(small, (3, 3)), cv2.MORPH_CLOSE, box)
    _, sheet = cv2.threshold(np.clip(level, 0, 255).astype(np.uint8), 0, 1, cv2.THRESH_OTSU)
    return np.asarray(level, np.float32), np.asarray(sheet, np.uint8)


def _clockwise(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """From the one nearest to the upper left."""
    middle = corners.mean(axis=0)
    turned = corners[np.argsort(np.arctan2(*(corners - middle).T[::-1]))]
    return np.roll(turned, -int(np.argmin(turned.sum(axis=1))), axis=0)
