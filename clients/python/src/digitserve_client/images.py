"""Which images are accepted, and how they become rows of 28x28 bytes."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from digitserve_client.errors import InvalidImage
from digitserve_client.findings import PictureWarning, PreparedPicture

if TYPE_CHECKING:
    from PIL import Image

SIDE_PX = 28
ROW_SHAPE = (SIDE_PX, SIDE_PX)
BYTES = np.dtype(np.uint8)

Array: TypeAlias = NDArray[Any]
"""(28, 28) or (N, 28, 28), N at least 1, white ink on black: uint8 0 to 255, any float 0 to 1, or bool
(True is ink)."""

Picture: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image"
"""A file, the bytes of an encoded picture, or a PIL image: any size, dark on light or light on dark."""

PictureOrArray: TypeAlias = "Picture | NDArray[Any]"
"""A picture; or its pixels, (H, W), (H, W, 3) or (H, W, 4) RGB(A): uint8, uint16, bool, or floats 0 to 1."""

ImageLike: TypeAlias = "Array | Picture | PreparedPicture"

Ready: TypeAlias = "ImageLike | Images"
"""An image, or images that have been through here already."""

Rows: TypeAlias = NDArray[np.uint8]
"""(N, 28, 28), white ink on black, C-contiguous: what goes over the wire."""

WANTED = "wanted: (28, 28) or (N, 28, 28), uint8 0 to 255 or float 0 to 1, white ink on black"


@dataclass(frozen=True, slots=True)
class Images:
    """Images as they go over the wire, and what their pictures were found to be.

    warnings: of those rows that have any, by their index.
    """

    rows: Rows
    warnings: dict[int, tuple[PictureWarning, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> "Images":
        start, stop, _ = part.indices(len(self))
        warnings = {row - start: each for row, each in self.warnings.items() if start <= row < stop}
        return Images(self.rows[start:stop], warnings)

    @classmethod
    def join(cls, parts: Iterable["Images"]) -> "Images":
        """One after the other; at least one part."""
        parts, warnings, start = list(parts), {}, 0
        for part in parts:
            warnings.update({start + row: each for row, each in part.warnings.items()})
            start += len(part)
        return cls(np.concatenate([part.rows for part in parts]), warnings)


def images_of(image: Ready) -> Images:
    """Those of one array, or one picture brought into MNIST's form; what is ready stays as it is.

    Raises InvalidImage, and for a picture also OSError (a file that cannot be opened) and MissingExtra.
    """
    if isinstance(image, Images):
        return image
    if isinstance(image, np.ndarray):
        return Images(_rows_of_array(np.asarray(image)))  # a matrix, say, keeps two dimensions
    if isinstance(image, PreparedPicture):
        warnings = image.findings.warnings
        return Images(image.image[np.newaxis], {0: warnings} if warnings else {})
    if not is_picture(image):
        raise InvalidImage(f"got {kind_of(image)}; {WANTED}; or a picture: a path, bytes or a PIL image")
    from digitserve_client import imaging  # noqa: PLC0415  # needs OpenCV, which arrays do not

    return images_of(imaging.prepare(image))


def one_image(image: ImageLike) -> Images:
    """Like `images_of`, for exactly one."""
    images = images_of(image)
    if len(images) != 1:
        raise InvalidImage(f"got {len(images)} images where one is wanted: classify_batch takes many")
    return images


def many_images(images: Array | Iterable[ImageLike]) -> Images:
    """Like `images_of`, for an array or a collection of arrays and pictures."""
    if isinstance(images, np.ndarray | PreparedPicture) or is_picture(images):
        return images_of(images)  # type: ignore[arg-type]  # str and bytes are iterable, but not of images
    if not isinstance(images, Iterable):
        return images_of(images)  # which refuses it
    parts = [images_of(image) for image in images]
    if not parts:
        raise InvalidImage(f"got no images; {WANTED}")
    return Images.join(parts)


def is_alone(images: object) -> TypeGuard[ImageLike]:
    """Whether it is a single image, where an iterable of them is wanted: a path is one, but of letters."""
    return is_picture(images) or isinstance(images, PreparedPicture) or getattr(images, "ndim", 3) == 2


def is_row(image: Ready) -> TypeGuard[Rows]:
    """Whether `image` is (28, 28) of uint8 already, as most in a long stream are: nothing is left to do."""
    return type(image) is np.ndarray and image.dtype == BYTES and image.shape == ROW_SHAPE


class ImageBuffer:
    """Gathers the images of a stream into batches of `batch_rows` rows.

    It copies what it holds, so a caller may fill one and the same array again and again.
    """

    def __init__(self, batch_rows: int) -> None:
        self._batch_rows = batch_rows
        self._parts: list[bytes] = []
        self._warnings: dict[int, tuple[PictureWarning, ...]] = {}
        self._held = 0

    def put(self, row: Rows) -> bool:
        """Takes one image, (28, 28); True when the batch is complete and wants to be flushed."""
        self._parts.append(row.tobytes())
        self._held += 1
        return self._held == self._batch_rows

    def add(self, images: Images) -> Iterator[Images]:
        """Takes images; gives the batches that they complete."""
        while len(images):
            taken = images[: self._batch_rows - self._held]
            self._parts.append(taken.rows.tobytes())
            self._warnings |= {self._held + row: each for row, each in taken.warnings.items()}
            self._held += len(taken)
            images = images[len(taken) :]
            if self._held == self._batch_rows:
                yield from self.flush()

    def flush(self) -> Iterator[Images]:
        """Gives what is held, if anything."""
        if self._held:
            pixels, warnings = b"".join(self._parts), self._warnings
            self._parts, self._warnings, self._held = [], {}, 0
            yield Images(np.frombuffer(pixels, np.uint8).reshape(-1, *ROW_SHAPE), warnings)


def batches(images: Iterable[ImageLike], batch_rows: int) -> Iterator[Images]:
    """The images in batches of `batch_rows` rows, the last one smaller.

    When `images` raises, what came before is given first: its answers are not lost.
    """
    buffer = ImageBuffer(batch_rows)
    try:
        for image in [images] if is_alone(images) else images:
            if not is_row(image):
                yield from buffer.add(images_of(image))
            elif buffer.put(image):
                yield from buffer.flush()
    except Exception:
        yield from buffer.flush()
        raise
    yield from buffer.flush()


def _rows_of_array(array: Array) -> Rows:
    if array.ndim not in (2, 3) or array.shape[-2:] != (SIDE_PX, SIDE_PX):
        raise InvalidImage(f"got an array of shape {array.shape}; {WANTED}{_fitting(array.shape)}")
    if array.size == 0:
        raise InvalidImage(f"got no images: an array of shape {array.shape}; {WANTED}")
    return np.ascontiguousarray(_as_bytes(array).reshape(-1, SIDE_PX, SIDE_PX))


def _fitting(shape: tuple[int, ...]) -> str:
    """What would make images of an array of that shape, if that is clear."""
    image = (SIDE_PX, SIDE_PX)
    if 0 in shape:
        return ""
    if shape[-1:] == (SIDE_PX**2,) or shape[-2:] == image or shape[-3:] == (*image, 1):
        return "; reshape(-1, 28, 28) would fit"
    if shape[-3:-1] == image and shape[-1] in (3, 4):
        return "; `digitserve_client.imaging.prepare` takes a picture in colour"
    return ""


def _as_bytes(array: Array) -> Rows:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(array.dtype, np.floating):
        return _from_unit_range(array)
    fits = np.issubdtype(array.dtype, np.integer) and array.min() >= 0 and array.max() <= 255
    hint = "; astype(np.uint8) would fit" if fits else ""
    raise InvalidImage(f"got an array of {array.dtype}; {WANTED}{hint}")


def _from_unit_range(array: Array) -> Rows:
    low, high = float(array.min()), float(array.max())
    if np.isnan(low):
        raise InvalidImage(f"got {array.dtype} with NaN in it; {WANTED}")
    if not (low >= 0.0 and high <= 1.0):
        hint = "; divide by 255?" if low >= 0.0 and 1.0 < high <= 255.0 else ""
        raise InvalidImage(f"got {array.dtype} from {low:g} to {high:g}; {WANTED}{hint}")
    levels: Rows = np.rint(array.astype(np.float32, copy=False) * 255).astype(np.uint8)
    return levels


def is_picture(value: object) -> bool:
    """Whether it may be a picture: a path, the bytes of a file, or a PIL image."""
    if isinstance(value, str | os.PathLike | bytes):
        return True
    return any(base.__module__ == "PIL.Image" for base in type(value).__mro__)


def kind_of(value: object) -> str:
    """How messages name what came instead of an image."""
    if value is None:
        return "None"
    return f"a {type(value).__module__}.{type(value).__qualname__}".replace(" builtins.", " ")
