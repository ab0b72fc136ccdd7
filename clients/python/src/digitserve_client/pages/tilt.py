"""By how much a page is turned."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Grey, thumbnail

Pixels = TypeVar("Pixels", NDArray[np.uint8], NDArray[np.float32])

LOOKED_AT_PX = 512  # the side of the picture that is turned to and fro
MOST_DEGREES, STEP_DEGREES, FINE_DEGREES = 17.0, 1.0, 0.2
CONVINCING = 1.08  # rows and columns are so much clearer at an angle than upright, or it is left as it is


def tilt_degrees(ink: Grey) -> float:
    """The turn, anticlockwise, that makes rows of writing and printed lines level; -17 to 17.

    At that angle the sums of the rows differ most from one row to the next (after Postl, "Detection of
    linear oblique structures and skew scan in digitized documents", 1986).
    """
    small = np.sqrt(thumbnail(ink, LOOKED_AT_PX))
    coarse = np.arange(-MOST_DEGREES, MOST_DEGREES + STEP_DEGREES, STEP_DEGREES)
    best = max(coarse, key=lambda degrees: _clearness(small, degrees))
    fine = np.arange(best - STEP_DEGREES, best + STEP_DEGREES + FINE_DEGREES, FINE_DEGREES)
    best = max(fine, key=lambda degrees: _clearness(small, degrees))
    return float(best) if _clearness(small, best) > CONVINCING * _clearness(small, 0.0) else 0.0


def _clearness(ink: Grey, degrees: float) -> float:
    """How much neighbouring rows differ, with a part for the columns, which lean in handwriting."""
    turned = turned_by(ink, degrees)[0]
    rows, columns = turned.sum(axis=1), turned.sum(axis=0)
    across, down = np.diff(rows), np.diff(columns)
    return float(across @ across + 0.5 * (down @ down))


def turned_by(ink: Pixels, degrees: float) -> tuple[Pixels, NDArray[np.float64]]:
    """The picture turned anticlockwise, on a canvas that holds all of it, and the matrix (2, 3) for it."""
    height, width = ink.shape
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0), np.float64)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = round(width * cosine + height * sine), round(width * sine + height * cosine)
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    turned = cv2.warpAffine(ink, matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(turned, ink.dtype), matrix
