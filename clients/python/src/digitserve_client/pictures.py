"""Reading pictures: files, bytes, PIL images and arrays of any kind become upright pixels. Needs Pillow.

What comes from outside may be broken or hostile, so everything has a bound: the formats that are tried, the
size that is decoded, and the memory, which is that of the decoded picture and a reduced copy.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from digitserve_client.errors import InvalidImage, MissingExtra, UnreadablePicture
from digitserve_client.images import SIDE_PX, Picture, PictureOrArray, is_picture, kind_of

try:
    import cv2
    from PIL import Image

    from digitserve_client.plain_png import plain_png, plain_png_file
except ModuleNotFoundError as missing:
    raise MissingExtra("images", "reading pictures") from missing

Pixels = NDArray[np.uint8]

# Formats that pictures come in and that Pillow decodes by itself: PostScript, for one, would run a program.
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
SEVERAL_VIEWS = "MPO"  # a photo of a telephone that holds another view or depth beside it: the first is meant
HEIC = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1")  # what photos of telephones may begin with
ORIENTATION = 0x0112  # the EXIF tag
UPRIGHT = {  # by its values; Pillow's own way writes all of EXIF anew, and fails where any of it is odd
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)  # those of pictures that lie on their side
READ_SIDE_PX = 1024  # larger pictures are reduced when they are read
MAX_SIDE_PX = 20_000
PLAIN_MODES = ("L", "RGB", "RGBA", "LA", "CMYK", "YCbCr")  # of which Pillow can take means
WANTED = "wanted: uint8, uint16, bool or floats 0 to 1"  # of arrays
FLAT_LEVELS = 48  # colours that differ less are one colour
LIGHT_INK, MOSTLY = 160, 0.6  # levels; share of a picture


def read_picture(source: PictureOrArray, longest_px: int = READ_SIDE_PX) -> Pixels:
    """A picture upright and opaque: uint8 (H, W) if it is grey, else (H, W, 3) RGB, no side over longest_px.

    Raises UnreadablePicture for what cannot be decoded, moves, or has more pixels than Pillow's limit,
    `PIL.Image.MAX_IMAGE_PIXELS`, or more than 20,000 px a side; InvalidImage for what is no picture at all;
    OSError for a file that cannot be opened.
    """
    _check_kind(source)
    if isinstance(source, np.ndarray):
        return _plain(_reduced_array(_checked(source), longest_px))
    if longest_px >= SIDE_PX and (plain := _plain_png(source)) is not None:
        _check_size(plain.shape[1], plain.shape[0], name_of(source))
        return plain
    with _opened(source) as image:
        try:
            if not isinstance(source, Image.Image):  # that of a caller stays as large as it is
                image.draft(None, (longest_px, longest_px))  # a large JPEG is decoded at a fraction
            return _plain(_decoded(image, longest_px))
        except UnreadablePicture:
            raise
        except Exception as broken:  # a decoder may raise anything, be the file but odd enough
            why = str(broken) or "without a word: was it closed before it was loaded?"  # as Pillow fails then
            problem = f"not a picture that can be decoded ({why})"
            raise UnreadablePicture(name_of(source), problem) from broken


def _plain_png(source: Picture) -> Pixels | None:
    if isinstance(source, Image.Image):
        return None
    return plain_png(source) if isinstance(source, bytes) else plain_png_file(source)


def picture_size(source: PictureOrArray) -> tuple[int, int]:
    """Height and width in px of a picture as it is seen, upright; the errors are those of `read_picture`."""
    _check_kind(source)
    if isinstance(source, np.ndarray):
        height, width = _checked(source).shape[:2]
        return height, width
    with _opened(source) as image:
        width, height = image.size
        return (width, height) if _orientation(image) in LYING else (height, width)


def in_memory(source: PictureOrArray) -> PictureOrArray:
    """What can be read more than once: of a pipe, its bytes. Raises OSError."""
    if isinstance(source, str | os.PathLike) and Path(source).exists() and not Path(source).is_file():
        return Path(source).read_bytes()
    return source


def name_of(source: PictureOrArray) -> str:
    """How messages name a picture: by its file, if it has one."""
    if isinstance(source, np.ndarray):
        return "the array"
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or "the PIL image")
    return "the picture in memory" if isinstance(source, bytes) else os.fspath(source)


def _check_kind(source: object) -> None:
    """A file that is open, or a list of files, is none of what can be read here."""
    if not isinstance(source, np.ndarray) and not is_picture(source):
        wanted = "a picture: a path, the bytes of a file, a PIL image, or an array of pixels"
        raise InvalidImage(f"got {kind_of(source)}; wanted: {wanted}")


@contextmanager
def _opened(source: Picture) -> Iterator[Image.Image]:
    if isinstance(source, Image.Image):
        _check_size(*source.size, name_of(source))
        yield source
        return
    with _stream(source) as stream, _recognised(stream, name_of(source)) as image:
        _check_size(*image.size, name_of(source))
        _check_still(image, name_of(source))
        yield image


def _stream(source: str | os.PathLike[str] | bytes) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb")


def _recognised(stream: IO[bytes], name: str) -> Image.Image:
    Image.init()
    try:
        return Image.open(stream, formats=[form for form in FORMATS if form in Image.OPEN])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise UnreadablePicture(name, f"more pixels than are decoded: {bomb}") from bomb
    except Exception as broken:  # as above
        raise UnreadablePicture(name, _unknown(stream)) from broken


def _unknown(stream: IO[bytes]) -> str:
    """What a file is that is no picture, if it is of a kind that people take for one."""
    start = b"?"
    if stream.seekable():  # a pipe is not
        stream.seek(0)
        start = stream.read(12)
    if not start:
        return "an empty file"
    if start.startswith(b"%PDF-"):
        return "a PDF; pictures are wanted, which `pdftoppm -r 300 -png` makes of its pages"
    if start[4:12] in HEIC:
        return "a HEIC picture, whose format is not read: save it as JPEG"
    return "not a picture of a known format"


def _check_size(width: int, height: int, name: str) -> None:
    size = f"{width}x{height} px"
    limit = Image.MAX_IMAGE_PIXELS  # Pillow itself only warns up to twice this
    if not width * height:
        raise UnreadablePicture(name, f"a picture of {size}")
    if limit is not None and width * height > limit:
        raise UnreadablePicture(name, f"more pixels than are decoded: {size}, and the limit is {limit}")
    if max(width, height) > MAX_SIDE_PX:
        raise UnreadablePicture(name, f"too long a side: {size}, and the limit is {MAX_SIDE_PX} px")


def _check_still(image: Image.Image, name: str) -> None:
    if image.format != SEVERAL_VIEWS and getattr(image, "is_animated", False):
        raise UnreadablePicture(
            name, "an animation, or several pages; one picture is wanted, so save each as its own"
        )


def _decoded(image: Image.Image, longest_px: int) -> Pixels:
    """Upright and reduced: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA."""
    orientation = _orientation(image)
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_as_bytes(_reduced_array(_deep(image), longest_px)))
    image = _reduced(image if image.mode in PLAIN_MODES else image.convert(_plain_mode(image)), longest_px)
    if orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[orientation])
    return np.asarray(image.convert(_plain_mode(image)))  # a grey one may have a level that is transparent


def _orientation(image: Image.Image) -> int | None:
    """How EXIF says that the picture lies; None where it says nothing, or nothing that can be read.

    Pillow itself turns a TIFF upright when it is loaded, and tells its size so before.
    """
    if image.format == "TIFF":
        return None
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # a parser may raise anything, and the picture itself is whole
        return None


def _plain_mode(image: Image.Image) -> str:
    if image.has_transparency_data:
        return "RGBA"
    return "L" if image.mode in ("1", "L") else "RGB"


def _reduced(image: Image.Image, longest_px: int) -> Image.Image:
    factor = -(-max(image.size) // longest_px)
    return image.reduce(factor) if factor > 1 else image


def _deep(image: Image.Image) -> NDArray[Any]:
    deep = np.asarray(image)
    return deep if deep.dtype == np.uint16 else deep.astype(np.float32)  # OpenCV scales either


def _reduced_array(array: NDArray[Any], longest_px: int) -> NDArray[Any]:
    scale = longest_px / max(array.shape[:2])
    if scale >= 1:
        return array
    height, width = (max(1, round(side * scale)) for side in array.shape[:2])
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)


def _as_bytes(deep: NDArray[Any]) -> Pixels:
    """Pictures of 16 and 32 bits use any part of their range: from the darkest to the lightest pixel."""
    deep = deep.astype(np.float32)
    darkest, lightest = float(deep.min()), float(deep.max())
    if not np.isfinite(lightest - darkest):
        raise ValueError("it holds NaN or infinite values")
    return np.rint((deep - darkest) * (255 / max(lightest - darkest, 1e-9))).astype(np.uint8)


def _checked(array: NDArray[Any]) -> NDArray[Any]:
    """Arrays as they are taken: uint8, or what can be brought to it."""
    name, array = name_of(array), np.asarray(array)  # of a masked one, for instance, the pixels
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,), (4,)):
        raise UnreadablePicture(name, f"of shape {array.shape}; wanted: (H, W), (H, W, 3) or (H, W, 4)")
    _check_size(array.shape[1], array.shape[0], name)
    array = array[..., 0] if array.shape[2:] == (1,) else array
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(array.dtype, np.uint16):  # in either byte order
        return _as_bytes(array)
    if not np.issubdtype(array.dtype, np.number):
        raise UnreadablePicture(name, f"of {array.dtype}; {WANTED}")
    if np.issubdtype(array.dtype, np.floating) and array.min() >= 0 and array.max() <= 1:
        return np.rint(array.astype(np.float32) * 255).astype(np.uint8)
    lowest, highest = array.min(), array.max()  # NaN if there is one
    raise UnreadablePicture(name, f"of {array.dtype} from {lowest:g} to {highest:g}; {WANTED}")


def _plain(pixels: Pixels) -> Pixels:
    """Opaque, and of one channel where it has no colours."""
    opaque = _opaque(pixels)
    if opaque.ndim == 2 or (opaque != opaque[..., :1]).any():
        return opaque
    return np.ascontiguousarray(opaque[..., 0])


def _opaque(pixels: Pixels) -> Pixels:
    """On paper, where it is transparent."""
    if pixels.shape[2:] != (4,):
        return pixels
    colours, cover = pixels[..., :3], pixels[..., 3:]
    if cover.min() == 255:
        return np.ascontiguousarray(colours)
    seen = colours[cover[..., 0] > 127]
    if seen.size and np.ptp(seen, axis=0).max() <= FLAT_LEVELS:  # one ink of any colour: its shape is all
        return 255 - pixels[..., 3]
    is_light_ink = seen.size and seen.mean() > LIGHT_INK and seen.size < MOSTLY * colours.size
    paper = 0 if is_light_ink else 255
    blend = (colours * cover.astype(np.float32) + paper * (255 - cover.astype(np.float32))) / 255
    return np.rint(blend).astype(np.uint8)
