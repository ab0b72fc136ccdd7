"""SVHN: house numbers cut into digits, colour, 32x32 px, brought to MNIST's form.

Netzer, Wang, Coates, Bissacco, Wu, Ng: Reading Digits in Natural Images with Unsupervised Feature Learning.
NIPS workshop 2011. Of its two formats this reads the second, train_32x32.mat and test_32x32.mat.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digitserve_training.data.dataset import DIGIT_LABELS, SIDE_PX, Array, Dataset, Images
from digitserve_training.data.mat import read_mat
from digitserve_training.data.part import Part, checked_dataset
from digitserve_training.errors import DataError

NAME = re.compile(r"(train|test|extra)_32x32\.mat")
FOUND_PX = 32
RIM_PX = 2
MIDDLE = slice(8, 24)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
LEAST_CONTRAST = 16.0  # grey levels of 255; what differs less from the ground is not made full ink
CHUNK = 4_096  # images that are floats at the same time

Greys = npt.NDArray[np.float32]


def load_svhn(folder: Path) -> Dataset:
    """The files train_32x32.mat and test_32x32.mat of a folder. Raises DataError."""
    train, test = (_part(folder / f"{part}_32x32.mat") for part in ("train", "test"))
    return checked_dataset("SVHN, 32x32 px to 28x28 grey", train, test, DIGIT_LABELS)


def to_grey(colours: Array) -> Images:
    """Colour uint8 (32, 32, 3, N), as the files have it, to uint8 (N, 28, 28), white ink on black.

    The whole image is reduced by areas. Its ground is the median of its rim; ink is what differs from that
    on the side, lighter or darker, where the pixels of the middle reach further (by the sum of their third
    powers). The ground becomes 0, the image's strongest contrasts, of its 98th percentile and above, 255.
    """
    starts = range(0, colours.shape[-1], CHUNK)
    return np.concatenate([_inked(_luma(colours[..., start : start + CHUNK])) for start in starts])


def _part(file: Path) -> Part:
    if not file.exists():
        raise DataError(str(file.parent), f"{file.name} is missing", "train_32x32.mat and test_32x32.mat")
    found = read_mat(file, ("X", "y"))
    for name, wanted in (("X", f"images uint8 ({FOUND_PX}, {FOUND_PX}, 3, N)"), ("y", "labels (N, 1)")):
        if name not in found:
            raise DataError(str(file), f"no variable {name}", wanted)
    return Part(
        images=to_grey(_colours(file, found["X"])),
        images_name=f"{file}: X",
        labels=_digits(file, np.atleast_1d(found["y"])),
        labels_name=f"{file}: y",
    )


def _colours(file: Path, colours: object) -> Array:
    """Checked; a single image has no fourth dimension any more."""
    array = np.asarray(colours)
    array = array[..., np.newaxis] if array.ndim == 3 else array
    if array.dtype != np.uint8 or array.shape != (FOUND_PX, FOUND_PX, 3, array.shape[-1]) or not array.size:
        found = f"{array.dtype} {array.shape}"
        raise DataError(f"{file}: X", found, f"uint8 ({FOUND_PX}, {FOUND_PX}, 3, N)")
    return array


def _digits(file: Path, labels: Array) -> Array:
    """The files call a 0 by 10, because MATLAB counts from 1."""
    if labels.dtype.kind not in "ui" or not np.isin(labels, np.arange(1, 11)).all():
        found = f"{labels.dtype} {str(np.unique(labels).tolist())[:80]}"
        raise DataError(f"{file}: y", found, "integers from 1 to 10, which is 0")
    return labels % 10


def _luma(colours: Array) -> Greys:
    greys: Greys = np.tensordot(colours.astype(np.float32), LUMA, (2, 0)).transpose(2, 0, 1)
    return greys


def _inked(greys: Greys) -> Images:
    rim = np.ones((FOUND_PX, FOUND_PX), bool)
    rim[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = False
    contrast = greys - np.median(greys[:, rim], axis=1)[:, None, None]
    side = np.where((contrast[:, MIDDLE, MIDDLE] ** 3).sum((1, 2)) < 0, -1, 1)[:, None, None]
    reduced = np.einsum("yi,nij,xj->nyx", _AREAS, np.maximum(contrast * side, 0), _AREAS, optimize=True)
    full = np.maximum(np.percentile(reduced, 98, axis=(1, 2)), LEAST_CONTRAST)[:, None, None]
    inked: Images = np.rint(255 * np.minimum(reduced / full, 1)).astype(np.uint8)
    return inked


def _areas() -> Greys:
    """The share that each of 32 pixels in a row has in each of 28, (28, 32)."""
    edges = np.linspace(0, FOUND_PX, SIDE_PX + 1)[:, None]
    pixels = np.arange(FOUND_PX)
    overlaps = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    shares: Greys = (np.maximum(overlaps, 0) * SIDE_PX / FOUND_PX).astype(np.float32)
    return shares


_AREAS = _areas()
