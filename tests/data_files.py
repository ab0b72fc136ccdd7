"""Small data sets of printed characters, and files of them in the formats that data sets are published in."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.io import savemat
from scipy.ndimage import center_of_mass

Bytes = npt.NDArray[np.uint8]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BALANCED = "0123456789" + LETTERS + "abdefghnqrt"
"""EMNIST's 47 classes in their order."""


class Printed(NamedTuple):
    """Images uint8 (N, 28, 28), white on black, and what they show: indices (N,) into `labels`."""

    images: Bytes
    shown: Bytes
    labels: str


def printed(labels: str, images: int, seed: int = 0) -> Printed:
    """As many images of each character, each set a little otherwise, in MNIST's manner."""
    random = np.random.default_rng(seed)
    shown = np.arange(len(labels) * images) % len(labels)
    drawn = [in_mnists_manner(character(labels[index], random)) for index in shown]
    return Printed(np.stack(drawn), shown.astype(np.uint8), labels)


def character(label: str, random: np.random.Generator) -> Image.Image:
    """A character, white on black in 96x96, turned and more or less bold."""
    image = Image.new("L", (96, 96))
    font = ImageFont.load_default(60)
    ImageDraw.Draw(image).text((48, 48), label, 255, font, "mm", stroke_width=random.uniform(0, 2))
    return image.rotate(random.uniform(-10, 10), Image.Resampling.BILINEAR)


def in_mnists_manner(image: Image.Image) -> Bytes:
    """The ink in a box of 20 px, in the middle of 28x28 by its mass."""
    ink = image.crop(image.getbbox())
    ink.thumbnail((20, 20))
    canvas = Image.new("L", (28, 28))
    row, column = center_of_mass(np.asarray(ink))
    canvas.paste(ink, (round(13.5 - column), round(13.5 - row)))
    return np.asarray(canvas)


def write_npz(file: Path, train: Printed, test: Printed, **more: Any) -> Path:
    """An .npz file with the names of the classes; returns its path."""
    np.savez(
        file,
        x_train=train.images,
        y_train=train.shown,
        x_test=test.images,
        y_test=test.shown,
        labels=np.array(list(train.labels)),
        **more,
    )
    return file


def write_idx(file: Path, array: Bytes) -> Path:
    """An IDX file, packed if its name ends in .gz; returns its path."""
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    content = header + array.tobytes()
    file.write_bytes(gzip.compress(content, 1) if file.suffix == ".gz" else content)
    return file


def write_mnist(
    folder: Path, train: Printed, test: Printed, packed: str = ".gz", separator: str = "-"
) -> Path:
    """The four files of MNIST under their published names; returns their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, data in {"train": train, "t10k": test}.items():
        write_idx(folder / f"{part}-images{separator}idx3-ubyte{packed}", data.images)
        write_idx(folder / f"{part}-labels{separator}idx1-ubyte{packed}", data.shown)
    return folder


def write_emnist(folder: Path, split: str, train: Printed, test: Printed, *, first: int = 0) -> Path:
    """The files of one split of EMNIST: images stored by columns, classes counted from `first`."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, data in {"train": train, "test": test}.items():
        name = f"emnist-{split}-{part}"
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", data.images.transpose(0, 2, 1))
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", data.shown + np.uint8(first))
    rows = (f"{first + index} {ord(label)}\n" for index, label in enumerate(train.labels))
    (folder / f"emnist-{split}-mapping.txt").write_text("".join(rows))
    return folder


def write_emnist_mat(file: Path, train: Printed, test: Printed, *, first: int = 0) -> Path:
    """EMNIST's other format, with ten images by each writer; returns its path."""
    parts = {
        part: {
            "images": data.images.transpose(0, 2, 1).reshape(-1, 784),
            "labels": (data.shown + np.uint8(first))[:, None],
            "writers": (np.arange(len(data.shown)) // 10).astype(float)[:, None],
        }
        for part, data in {"train": train, "test": test}.items()
    }
    mapping = np.array([[first + index, ord(label)] for index, label in enumerate(train.labels)], float)
    savemat(file, {"dataset": parts | {"mapping": mapping}}, do_compression=True)
    return file


def write_svhn(file: Path, colours: Bytes, shown: Bytes) -> Path:
    """Images (N, 32, 32, 3) and digits as SVHN has them, 0 called 10; returns the file's path."""
    savemat(
        file,
        {"X": colours.transpose(1, 2, 3, 0), "y": np.where(shown == 0, 10, shown)[:, None]},
        do_compression=True,
    )
    return file


def write_pictures(folder: Path, pictures: Mapping[str, Sequence[Image.Image]], suffix: str = ".png") -> Path:
    """Pictures by class; returns the folder of the classes' folders."""
    for label, images in pictures.items():
        (folder / label).mkdir(parents=True)
        for index, image in enumerate(images):
            image.save(folder / label / f"{index}{suffix}")
    return folder
