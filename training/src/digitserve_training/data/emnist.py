"""EMNIST: MNIST extended to letters, in the two formats it is published in.

Cohen, Afshar, Tapson, van Schaik: EMNIST: an extension of MNIST to handwritten letters. IJCNN 2017.
Its images are stored column by column: read row by row, as MNIST's are, each is mirrored at its diagonal.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

import numpy as np

from digitserve_training.data.dataset import SIDE_PX, Array, Dataset, Images
from digitserve_training.data.part import Part, checked_dataset
from digitserve_training.errors import DataError

LARGE_AND_SMALL = "abdefghnqrt"
"""The small letters that are classes of their own where the others are merged with the large ones."""

MERGED = digits + ascii_uppercase + LARGE_AND_SMALL
LABELS = {
    "balanced": MERGED,
    "byclass": digits + ascii_uppercase + ascii_lowercase,
    "bymerge": MERGED,
    "digits": digits,
    "letters": ascii_uppercase,
    "mnist": digits,
}
FIRST = {"letters": 1}
"""What a split counts its classes from, if not 0."""

Numbered = tuple[tuple[str, ...], int]
"""The classes' names, and the number of the first of them in the files."""


def upright(images: Images) -> Images:
    """EMNIST's images (N, 28, 28), as they are stored, turned to how they were written."""
    return np.ascontiguousarray(images.transpose(0, 2, 1))


def published_labels(folder: Path, split: str) -> Numbered:
    """A split's classes: from its mapping file if the folder has it, else as they were published."""
    mapping = folder / f"emnist-{split}-mapping.txt"
    if mapping.exists():
        return _named(str(mapping), _rows(mapping))
    if split not in LABELS:
        found = f"{mapping.name} is missing"
        raise DataError(str(folder), found, f"it, or one of the splits {', '.join(LABELS)}")
    return tuple(LABELS[split]), FIRST.get(split, 0)


def load_emnist_mat(file: Path, struct: Mapping[str, Any]) -> Dataset:
    """The struct `dataset` of an EMNIST .mat file, which knows who wrote what. Raises DataError."""
    mapping = np.atleast_2d(_field(file, struct, "mapping")).astype(int).tolist()
    names, first = _named(f"{file}: dataset.mapping", mapping)
    train, test = (_part(file, struct, part, first) for part in ("train", "test"))
    return checked_dataset(file.name, train, test, names)


def _rows(mapping: Path) -> Sequence[Sequence[int]]:
    """Each line holds the number of a class, then the ASCII codes of its characters."""
    try:
        lines = mapping.read_text("ascii").splitlines()
        return [[int(number) for number in line.split()] for line in lines if line.strip()]
    except ValueError as error:
        raise DataError(str(mapping), str(error), "lines of numbers: a class, the ASCII codes") from error


def _named(source: str, rows: Sequence[Sequence[int]]) -> Numbered:
    """A class that several characters were merged into is called by the first of them."""
    wanted = "for each class its number and an ASCII code, without gaps"
    if not rows or any(len(row) < 2 or not 32 < row[1] < 127 for row in rows):
        raise DataError(source, f"rows {str(list(rows))[:80]}", wanted)
    codes = {row[0]: row[1] for row in rows}
    first = min(codes)
    if sorted(codes) != list(range(first, first + len(rows))):
        raise DataError(source, f"classes {sorted(row[0] for row in rows)}", wanted)
    return tuple(chr(codes[number]) for number in sorted(codes)), first


def _part(file: Path, struct: Mapping[str, Any], part: str, first: int) -> Part:
    fields = struct.get(part)
    if not isinstance(fields, Mapping):
        raise DataError(f"{file}: dataset", f"no struct {part}", "dataset.train and dataset.test")
    name = f"{file}: dataset.{part}"
    return Part(
        images=_images(name, _field(name, fields, "images")),
        images_name=f"{name}.images",
        labels=_integers(_field(name, fields, "labels")),
        labels_name=f"{name}.labels",
        first=first,
        writers=_integers(_field(name, fields, "writers")) if "writers" in fields else None,
        writers_name=f"{name}.writers",
    )


def _field(source: object, struct: Mapping[str, Any], name: str) -> Array:
    value = struct.get(name)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "uif":
        raise DataError(str(source), f"no array {name}", "images, labels and a mapping")
    return value


def _images(name: str, images: Array) -> Array:
    if images.ndim != 2 or images.shape[1] != SIDE_PX**2:
        raise DataError(f"{name}.images", f"shape {images.shape}", f"(N, {SIDE_PX**2})")
    return upright(images.reshape(-1, SIDE_PX, SIDE_PX))


def _integers(values: Array) -> Array:
    """MATLAB counts in floating point."""
    whole = values.astype(np.int64)
    return whole if np.array_equal(whole, values) else values
