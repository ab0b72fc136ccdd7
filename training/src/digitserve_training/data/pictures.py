"""Pictures in folders, one folder for each class."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from digitserve_training.data.dataset import SIDE_PX, Dataset, Images
from digitserve_training.data.part import Part, checked_dataset
from digitserve_training.errors import DataError

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"))
PARTS = ("train", "test")
TEST_SHARE = 10  # one in so many
TEST_SEED = 0  # the same pictures whatever the job's seed: what a model is judged by is no matter of chance
WANTED = "<label>/*.png, or train/<label>/*.png and test/<label>/*.png (or .jpg and so on)"

Files = Mapping[str, Sequence[Path]]
"""The pictures of each class."""


def load_pictures(folder: Path) -> Dataset:
    """The pictures in train/<label>/ and test/<label>/; or in <label>/, then a tenth of each is to test with.

    The classes are called as their folders are, sorted by name, or by number if all names are numbers.
    Pictures are prepared by `digitserve_client.imaging`, as a user's are, except for those of 28x28 px that
    are rather black than white: they are prepared already. Raises DataError.
    """
    name = folder.resolve().name
    if any((folder / part).is_dir() for part in PARTS):
        train, test = (_files(folder / part) for part in PARTS)
        source = f"{name}, pictures"
    else:
        train, test = _divided(_files(folder))
        source = f"{name}, pictures, a tenth of each class held out to test with"
    labels = _sorted(train)
    _check_known(folder / "test", labels, test)
    return checked_dataset(source, _part(folder, labels, train), _part(folder, labels, test), labels)


def _files(folder: Path) -> Files:
    """Sorted, so that nothing depends on the order in which a file system lists them."""
    if not folder.is_dir():
        raise DataError(str(folder.parent), f"no folder {folder.name}", WANTED)
    classes = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if not classes:
        raise DataError(str(folder), "no folder of a class in it", WANTED)
    return {path.name: _pictures(path) for path in classes}


def _pictures(folder: Path) -> Sequence[Path]:
    files = [file for file in sorted(folder.iterdir()) if not file.name.startswith(".")]
    strange = [file.name for file in files if file.suffix.lower() not in SUFFIXES]
    if strange or not files:
        found = f"{strange[0]!r} among the pictures" if strange else "no picture in it"
        raise DataError(str(folder), found, f"files {', '.join(sorted(SUFFIXES))}")
    return files


def _divided(files: Files) -> tuple[Files, Files]:
    train, test = {}, {}
    for label, pictures in files.items():
        if len(pictures) < 2:
            raise DataError(
                pictures[0].parent.as_posix(), "one picture", "one to learn from, one to test with"
            )
        order = np.random.default_rng(TEST_SEED).permutation(len(pictures))
        held_out = set(order[: max(1, len(pictures) // TEST_SHARE)].tolist())
        train[label] = [file for index, file in enumerate(pictures) if index not in held_out]
        test[label] = [pictures[index] for index in sorted(held_out)]
    return train, test


def _sorted(labels: Files) -> tuple[str, ...]:
    if all(label.isascii() and label.isdecimal() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))


def _check_known(folder: Path, labels: Sequence[str], test: Files) -> None:
    unknown = sorted(set(test) - set(labels))
    if unknown:
        raise DataError(str(folder), f"{', '.join(unknown)}, which is not in train", "classes of train only")


def _part(folder: Path, labels: Sequence[str], files: Files) -> Part:
    shown = [(labels.index(label), file) for label, pictures in files.items() for file in pictures]
    console = Console(stderr=True)
    described = f"{'load':<10}pictures"
    bar = track(shown, described, console=console, transient=True, disable=not console.is_terminal)
    return Part(
        images=np.stack([_image(file) for _, file in bar]),
        images_name=str(folder),
        labels=np.array([index for index, _ in shown]),
        labels_name=str(folder),
    )


def _image(file: Path) -> Images:
    # Here, because they are slow to load, and few data sets need them.
    from digitserve_client.errors import InvalidImage  # noqa: PLC0415
    from digitserve_client.imaging import read_picture, to_mnist  # noqa: PLC0415

    try:
        pixels = read_picture(file)
        return pixels if _is_prepared(pixels) else to_mnist(pixels)
    except InvalidImage as error:
        raise DataError(str(file), getattr(error, "problem", str(error)), "a picture of one class") from error


def _is_prepared(pixels: Images) -> bool:
    """Whether this comes from a data set in MNIST's form that somebody unpacked into files."""
    return bool(pixels.shape == (SIDE_PX, SIDE_PX) and pixels.mean() <= 127 and pixels.max() >= 128)
