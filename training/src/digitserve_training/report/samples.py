"""Images with the truth, which a model is measured on."""

import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from digitserve_client.errors import UnreadablePicture
from digitserve_client.imaging import to_mnist
from PIL import Image

from digitserve_training.data import SIDE_PX, Dataset, Images, LabelledImages, load
from digitserve_training.errors import DataError

PREPARATION = "digitserve_client.imaging"
RAW_KEY = re.compile(r"x\d*")
RAW_WANTED = "an .npz file with y and x (or x16, x32, …, which come before x): uint8 (N, height, width)"


@dataclass(frozen=True, eq=False)
class Samples:
    """A test set as a model takes it.

    `truth` holds images and the indices of *the model's* labels. `refused` counts pictures that the client
    found no digit in, which are not among the images; `prepared_by` is None for images that came prepared.
    """

    name: str
    truth: LabelledImages
    refused: int = 0
    prepared_by: str | None = None

    def __len__(self) -> int:
        return len(self.truth) + self.refused


def of_dataset(name: str, dataset: Dataset, labels: Sequence[str]) -> Samples:
    """The test part of a data set, for a model with these labels. Raises DataError for labels it has not."""
    indices = _indices(name, dataset.labels, labels)
    truth = LabelledImages(dataset.test.images, indices[dataset.test.labels])
    return Samples(name, truth)


def read_samples(argument: str, labels: Sequence[str]) -> Samples:
    """The test set that an argument names, for a model with these labels: `SOURCE`, or `NAME=SOURCE`.

    What `digitserve_training.data.load` takes is measured as it is. An .npz with `x` and `y` holds pictures
    as they were scanned, which are prepared by `digitserve_client.imaging` as a user's are; `y` names their
    classes, or has their indices in `labels` if it holds these too. Raises DataError, DataMissing.
    """
    name, source = _named(argument)
    if Path(source).suffix == ".npz" and (pictures := _raw_pictures(Path(source))):
        return _prepared(name, *pictures, labels)
    return of_dataset(name, load(source), labels)


def _named(argument: str) -> tuple[str, str]:
    name, equals, source = argument.partition("=")
    if equals and name and not re.search(r"[/\\]", name):
        return name, source
    return Path(argument).stem or argument, argument


def _indices(name: str, found: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.uint8]:
    unknown = [label for label in found if label not in labels]
    if unknown:
        classes = f"{len(found)} classes, of which the model lacks {_some(unknown)}"
        raise DataError(name, classes, f"only classes of the model's {len(labels)}: {_some(labels)}")
    return np.array([labels.index(label) for label in found], np.uint8)


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:10]) + (", …" if len(labels) > 10 else "")


def _raw_pictures(file: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    """Pictures and labels, if those are what the file holds; else it is for `load` to read or refuse."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return _pictures_and_labels(file, archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError):
        return None


def _pictures_and_labels(
    file: Path, archive: Mapping[str, Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    keys = sorted((key for key in archive if RAW_KEY.fullmatch(key)), key=len)
    if "y" not in archive or not keys:
        return None
    pictures, labels = archive[keys[-1]], archive["y"]
    if pictures.ndim != 3 or pictures.dtype != np.uint8 or not len(pictures):
        raise DataError(f"{file}: {keys[-1]}", f"{pictures.dtype} {pictures.shape}", RAW_WANTED)
    if labels.shape != (len(pictures),) or labels.dtype.kind not in "iuU":
        wanted = f"integers or strings ({len(pictures)},), a label for each picture"
        raise DataError(f"{file}: y", f"{labels.dtype} {labels.shape}", wanted)
    if "labels" in archive and labels.dtype.kind != "U":
        return pictures, _called(file, labels, archive["labels"])
    return pictures, labels


def _called(file: Path, indices: npt.NDArray[Any], names: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What the classes of the indices are called, as in the data that training takes."""
    if names.ndim != 1 or names.dtype.kind != "U":
        found = f"dtype {names.dtype}, shape {names.shape}"
        raise DataError(f"{file}: labels", found, "strings, (C,), one for each class")
    if indices.min() < 0 or indices.max() >= len(names):
        found = f"labels from {indices.min()} to {indices.max()}"
        raise DataError(f"{file}: y", found, f"0 to {len(names) - 1}, which labels has names for")
    called: npt.NDArray[Any] = names[indices]
    return called


def _prepared(
    name: str, pictures: npt.NDArray[np.uint8], shown: npt.NDArray[Any], labels: Sequence[str]
) -> Samples:
    indices = _indices(name, [str(label) for label in np.unique(shown)], labels)
    truth = indices[np.searchsorted(np.unique(shown), shown)]
    images = [prepared(Image.fromarray(picture)) for picture in _full_range(pictures)]
    read = np.array([image is not None for image in images])
    if not read.any():
        raise DataError(name, "not one picture that shows a digit", RAW_WANTED)
    answered = np.stack([image for image in images if image is not None])
    return Samples(name, LabelledImages(answered, truth[read]), int((~read).sum()), PREPARATION)


def _full_range(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Bitmaps of 0 and 1, and the 0 to 16 of some old sets, brought to 0 to 255."""
    brightest = int(pictures.max())
    return (
        pictures
        if brightest > 16
        else (pictures.astype(np.uint16) * 255 // max(brightest, 1)).astype(np.uint8)
    )


def prepared(picture: Image.Image) -> Images | None:
    """The picture as a user's client sends it, uint8 (28, 28); None if the client finds no digit in it."""
    try:
        image: Images = to_mnist(picture).reshape(SIDE_PX, SIDE_PX)
    except UnreadablePicture:
        return None
    return image
