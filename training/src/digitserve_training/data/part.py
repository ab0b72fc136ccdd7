"""The images and labels of a training or a test set as they were found, and what they are refused for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digitserve_training.data.dataset import SIDE_PX, Array, Dataset, LabelledImages
from digitserve_training.errors import DataError

MOST_CLASSES = 256
MOST_BYTES = 1 << 30
"""Of one array, unpacked: 1.4 million images, twice the largest published set of this form. A file that
claims more is not read, because what unpacks to that is damaged, or made to exhaust the memory."""


@dataclass(frozen=True, eq=False)
class Part:
    """Images and labels, not yet known to be what they should be, and what messages call them.

    `first` is the label of the first class, from which its kind of file counts.
    """

    images: Array
    images_name: str
    labels: Array
    labels_name: str
    first: int = 0
    writers: Array | None = None
    writers_name: str = ""


def checked_dataset(source: str, train: Part, test: Part, labels: Sequence[str] | None) -> Dataset:
    """The data set, once all of it has been checked.

    Without labels the classes are called by their indices, and there are as many as the training images show.
    Raises DataError.
    """
    for part in (train, test):
        _check_form(part)
    names = _numbers(train) if labels is None else tuple(labels)
    _check_names(train.labels_name, names)
    for part in (train, test):
        _check_range(part, len(names))
    _check_all_shown(train, names)
    return Dataset(source, _labelled(train), _labelled(test), names)


def check_bytes(file: str, claimed: int) -> None:
    """Raises DataError if an array in a file claims to be larger than any is."""
    if claimed > MOST_BYTES:
        raise DataError(file, f"an array of {claimed:,} bytes", f"at most {MOST_BYTES:,}")


def _labelled(part: Part) -> LabelledImages:
    return LabelledImages(part.images, _indices(part).astype(np.uint8), part.writers)


def _indices(part: Part) -> npt.NDArray[np.int64]:
    return part.labels.astype(np.int64) - part.first


def _check_form(part: Part) -> None:
    _check_images(part.images_name, part.images)
    _check_integers(part.labels_name, part.labels, len(part.images))
    if part.writers is not None:
        _check_integers(part.writers_name, part.writers, len(part.images))


def _check_images(name: str, images: Array) -> None:
    if images.ndim != 3 or images.shape[1:] != (SIDE_PX, SIDE_PX) or not len(images):
        raise DataError(name, f"shape {images.shape}", f"(N, {SIDE_PX}, {SIDE_PX}), N at least 1")
    if images.dtype != np.uint8:
        raise DataError(name, f"dtype {images.dtype}", "uint8, 0 paper to 255 ink")
    if images.mean() > 127:
        raise DataError(name, f"mean brightness {images.mean():.0f}", "white ink on black, below 127")
    if images.max() < 128:
        raise DataError(name, f"no pixel brighter than {images.max()}", "0 paper to 255 ink")


def _check_integers(name: str, values: Array, length: int) -> None:
    if values.shape != (length,):
        raise DataError(name, f"shape {values.shape}", f"({length},), one for each image")
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(name, f"dtype {values.dtype}", "integers")


def _numbers(train: Part) -> tuple[str, ...]:
    _check_range(train, MOST_CLASSES)
    return tuple(str(index) for index in range(train.labels.max() + 1))


def _check_names(name: str, labels: tuple[str, ...]) -> None:
    if not 2 <= len(labels) <= MOST_CLASSES:
        raise DataError(name, f"classes: {len(labels)}", f"2 to {MOST_CLASSES}")
    repeated = [label for label, times in Counter(labels).items() if times > 1 or not label.strip()]
    if repeated:
        raise DataError(name, f"classes called {repeated}", "a name of its own for each class")


def _check_range(part: Part, classes: int) -> None:
    low, high = part.labels.min(), part.labels.max()
    last = part.first + classes - 1
    if low < part.first or high > last:
        raise DataError(part.labels_name, f"labels from {low} to {high}", f"{part.first} to {last}")


def _check_all_shown(train: Part, labels: tuple[str, ...]) -> None:
    shown = np.bincount(_indices(train), minlength=len(labels))
    absent = [label for label, images in zip(labels, shown, strict=True) if not images]
    if absent:
        found = f"no training image shows {', '.join(absent)}"
        raise DataError(train.labels_name, found, f"images of all {len(labels)} classes")
