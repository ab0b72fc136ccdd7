"""Data in one .npz file, with the keys of Keras' own MNIST file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from digitserve_training.data.dataset import Array, Dataset
from digitserve_training.data.part import Part, check_bytes, checked_dataset
from digitserve_training.errors import DataError

KEYS = ("x_train", "y_train", "x_test", "y_test")
OPTIONAL = ("writers_train", "writers_test", "labels")
WANTED = f"an .npz file with the arrays {', '.join(KEYS)}"


def load_npz(file: Path) -> Dataset:
    """Images uint8 (N, 28, 28) as `x_train` and `x_test`, class indices (N,) as `y_train` and `y_test`.

    Optional: `labels`, the names of the classes, strings (C,); `writers_train`, integers (N,), who drew each
    training image. Raises DataError.
    """
    arrays = _read(file)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise DataError(str(file), f"{', '.join(missing)} missing", WANTED)
    train, test = (_part(file, arrays, part) for part in ("train", "test"))
    return checked_dataset(file.name, train, test, _labels(file, arrays.get("labels")))


def _read(file: Path) -> Mapping[str, Array]:
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with file.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise DataError(str(file), "the file holds a single array", WANTED)
            return {key: _array(file, archive, key) for key in (*KEYS, *OPTIONAL) if key in archive}
    except (DataError, OSError):
        raise
    except Exception as error:  # NumPy and zipfile raise a dozen classes for what is damaged
        raise DataError(str(file), "the file is damaged or of another kind", WANTED) from error


def _array(file: Path, archive: NpzFile, key: str) -> Array:
    for member in archive.zip.infolist() if archive.zip else ():
        if member.filename in {key, f"{key}.npy"}:
            check_bytes(f"{file}: {key}", member.file_size)
    array: Array = archive[key]
    return array


def _part(file: Path, arrays: Mapping[str, Array], part: str) -> Part:
    images, labels, writers = f"x_{part}", f"y_{part}", f"writers_{part}"
    return Part(
        images=arrays[images],
        images_name=f"{file}: {images}",
        labels=arrays[labels],
        labels_name=f"{file}: {labels}",
        writers=arrays.get(writers),
        writers_name=f"{file}: {writers}",
    )


def _labels(file: Path, labels: Array | None) -> tuple[str, ...] | None:
    if labels is None:
        return None
    if labels.ndim != 1 or labels.dtype.kind != "U":
        found = f"dtype {labels.dtype}, shape {labels.shape}"
        raise DataError(f"{file}: labels", found, "strings, (C,), one for each class")
    return tuple(labels.tolist())
