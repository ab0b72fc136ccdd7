"""The images a model learns from and is judged by."""

import contextlib
import hashlib
import sys
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from digitserve_training.errors import DataError, DataMissing

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]

SIDE_PX = 28
DIGITS = 10
KEYS = ("x_train", "y_train", "x_test", "y_test")
WRITERS = "writers_train"

MNIST_TEST_SHA256 = "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b"
"""`LabelledImages.sha256` of MNIST's test set, by which it is known under any file name."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images and the digit each of them shows.

    `images` is uint8 (N, 28, 28), 0 paper to 255 ink; `labels` uint8 (N,), 0 to 9; `writers`, where it is
    known who drew what, integers (N,).
    """

    images: Images
    labels: Labels
    writers: npt.NDArray[np.integer[Any]] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.NDArray[np.integer[Any]]) -> Self:
        """The images at the indices, integers (M,), in their order."""
        writers = None if self.writers is None else self.writers[indices]
        return type(self)(self.images[indices], self.labels[indices], writers)

    def sha256(self) -> str:
        """SHA-256, in hex, over the bytes of the images, then of the labels."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test set; `source` is the name of the file or function they came from."""

    source: str
    train: LabelledImages
    test: LabelledImages


def load(file: Path | None) -> Dataset:
    """Reads an .npz file with the keys of Keras' own MNIST file, or lets Keras download MNIST if None.

    An optional key `writers_train`, integers (N,), says who drew each training image.
    Raises DataMissing if there is nothing to read, DataError if it is not what is wanted.
    """
    if file is None:
        return _dataset("keras.datasets.mnist", download())
    return _dataset(file.name, read(file))


def download() -> Mapping[str, npt.NDArray[Any]]:
    """MNIST as Keras fetches and caches it. Raises DataMissing."""
    import keras  # noqa: PLC0415  only who downloads has to wait for it

    try:
        # Keras shows the download on stdout, which belongs to the result.
        with contextlib.redirect_stdout(sys.stderr):
            train, test = keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises a bare Exception when the network fails
        raise DataMissing(str(error).splitlines()[0]) from error
    return dict(zip(KEYS, (*train, *test), strict=True))


def read(file: Path) -> Mapping[str, npt.NDArray[Any]]:
    """The arrays of an .npz file that have a known key. Raises DataError."""
    wanted = f"an .npz file with the arrays {', '.join(KEYS)}"
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with file.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise DataError(str(file), "the file holds a single array", wanted)
            return {key: archive[key] for key in (*KEYS, WRITERS) if key in archive}
    except OSError as error:
        raise DataError(str(file), error.strerror or str(error), wanted) from error
    except ValueError as error:  # its text advises to allow pickles, which run code
        raise DataError(str(file), "the file is damaged or of another kind", wanted) from error
    except (EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(str(file), f"the file is damaged or of another kind ({error})", wanted) from error


def _dataset(source: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Dataset:
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise DataError(source, f"{', '.join(missing)} missing", f"the arrays {', '.join(KEYS)}")
    train, test = (_labelled(source, arrays, part) for part in ("train", "test"))
    absent = [str(digit) for digit in range(DIGITS) if digit not in train.labels]
    if absent:
        raise DataError(source, f"no training image shows {', '.join(absent)}", "all ten digits")
    return Dataset(source, train, test)


def _labelled(source: str, arrays: Mapping[str, npt.NDArray[Any]], part: str) -> LabelledImages:
    images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    writers = arrays.get(f"writers_{part}")
    _check_images(f"{source}: x_{part}", images)
    _check_integers(f"{source}: y_{part}", labels, len(images))
    if labels.min() < 0 or labels.max() >= DIGITS:
        raise DataError(f"{source}: y_{part}", f"labels from {labels.min()} to {labels.max()}", "0 to 9")
    if writers is not None:
        _check_integers(f"{source}: writers_{part}", writers, len(images))
    return LabelledImages(images, labels.astype(np.uint8), writers)


def _check_images(source: str, images: npt.NDArray[Any]) -> None:
    if images.ndim != 3 or images.shape[1:] != (SIDE_PX, SIDE_PX) or not len(images):
        raise DataError(source, f"shape {images.shape}", f"(N, {SIDE_PX}, {SIDE_PX}), N at least 1")
    if images.dtype != np.uint8:
        raise DataError(source, f"dtype {images.dtype}", "uint8, 0 paper to 255 ink")
    if images.mean() > 127:
        raise DataError(source, f"mean brightness {images.mean():.0f}", "white ink on black, below 127")


def _check_integers(source: str, values: npt.NDArray[Any], length: int) -> None:
    if values.shape != (length,):
        raise DataError(source, f"shape {values.shape}", f"({length},), one for each image")
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(source, f"dtype {values.dtype}", "integers")
