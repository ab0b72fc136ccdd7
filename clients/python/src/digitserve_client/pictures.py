"""Reading pictures: files, bytes and PIL images of any kind become upright grey. Needs Pillow."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from digitserve_client.errors import MissingExtra, UnreadablePicture
from digitserve_client.images import Picture

try:
    from PIL import Image, ImageOps
except ModuleNotFoundError as missing:
    raise MissingExtra("images", "reading pictures") from missing

# What Pillow's decoders raise for pictures that are damaged or of a rare kind.
DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, RuntimeError)  # NotImplementedError among them

WORKING_SIDE_PX = 1024  # larger pictures are reduced first; a digit keeps many times its final 20 px


def read_picture(source: Picture) -> Image.Image:
    """A picture upright, as 8-bit grey (PIL mode "L"), no side longer than 1024 px.

    Raises UnreadablePicture for what cannot be decoded or has more pixels than Pillow's limit,
    `PIL.Image.MAX_IMAGE_PIXELS`, and OSError for a file that cannot be opened.
    """
    with _opened(source) as image:
        try:
            return _reduced(_grey(ImageOps.exif_transpose(image)))
        except DECODER_ERRORS as broken:
            problem = f"not a picture that can be decoded ({broken})"
            raise UnreadablePicture(name_of(source), problem) from broken


def name_of(source: Picture) -> str:
    """How messages name a picture: by its file, if it has one."""
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or "the PIL image")
    return "the picture in memory" if isinstance(source, bytes) else os.fspath(source)


def resized(array: NDArray[np.float32], longest_px: int) -> NDArray[np.float32]:
    """A picture of floats with its longer side `longest_px`, its proportions kept, free of aliasing."""
    scale = longest_px / max(array.shape)
    height, width = (max(1, round(side * scale)) for side in array.shape)
    return np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BILINEAR), np.float32)


@contextmanager
def _opened(source: Picture) -> Iterator[Image.Image]:
    if isinstance(source, Image.Image):
        _check_size(source, name_of(source))
        yield source
        return
    with _stream(source) as stream, _recognised(stream, name_of(source)) as image:
        _check_size(image, name_of(source))
        image.draft("L", (WORKING_SIDE_PX, WORKING_SIDE_PX))  # a large JPEG is decoded at a fraction
        yield image


def _stream(source: str | os.PathLike[str] | bytes) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb")


def _recognised(stream: IO[bytes], name: str) -> Image.Image:
    try:
        return Image.open(stream)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise UnreadablePicture(name, f"more pixels than are decoded: {bomb}") from bomb
    except DECODER_ERRORS as broken:
        raise UnreadablePicture(name, "not a picture of a known format") from broken


def _check_size(image: Image.Image, name: str) -> None:
    size = f"{image.width}x{image.height} px"
    limit = Image.MAX_IMAGE_PIXELS  # Pillow itself only warns up to twice this
    if not image.width * image.height:
        raise UnreadablePicture(name, f"a picture of {size}")
    if limit is not None and image.width * image.height > limit:
        raise UnreadablePicture(name, f"more pixels than are decoded: {size}, and the limit is {limit}")


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_as_bytes(np.asarray(image, np.float64)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L")


def _as_bytes(deep: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pictures of 16 and 32 bits use any part of their range: from the darkest to the lightest pixel."""
    finite = np.nan_to_num(deep)
    darkest, lightest = float(finite.min()), float(finite.max())
    return np.rint((finite - darkest) * (255 / max(lightest - darkest, 1e-9))).astype(np.uint8)


def _reduced(image: Image.Image) -> Image.Image:
    factor = -(-max(image.size) // WORKING_SIDE_PX)
    return image.reduce(factor) if factor > 1 else image
