"""What the tests of pictures share: their bytes, and how unlike two of them are."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encoded(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The picture as the bytes of a file."""
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Share of the ink that differs, 0 to 1 (2 where nothing overlaps)."""
    a, b = one.astype(float), other.astype(float)
    return float(np.abs(a - b).sum() / max(a.sum(), b.sum()))
