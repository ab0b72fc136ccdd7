"""Handwritten digits for tests: MNIST where DIGITSERVE_MNIST names its file, else scikit-learn's own."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Digits = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

KEYS = ("x_train", "y_train", "x_test", "y_test")


def has_mnist() -> bool:
    """Whether there is a file of MNIST on this machine."""
    return bool(os.environ.get("DIGITSERVE_MNIST"))


def mnist_or_sklearn() -> Digits:
    """Images uint8 (N, 28, 28), white on black, and labels uint8 (N,), to train on and to test with.

    MNIST's 60,000 and 10,000, or scikit-learn's 1,437 and 360, which are scaled from 8x8.
    """
    return _mnist(Path(os.environ["DIGITSERVE_MNIST"])) if has_mnist() else _sklearn()


def write_npz(path: Path) -> Path:
    """Writes those digits as a file that `digitserve-train --data` reads; returns its path."""
    arrays: dict[str, Any] = dict(zip(KEYS, mnist_or_sklearn(), strict=True))
    np.savez(path, **arrays)
    return path


def _mnist(file: Path) -> Digits:
    with np.load(file) as arrays:
        return arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"]


def _sklearn() -> Digits:
    # Here, because it takes a second that tests with MNIST need not wait.
    from sklearn.datasets import load_digits  # noqa: PLC0415

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images, labels = _enlarged(digits.images[order]), digits.target[order].astype(np.uint8)
    test = len(labels) // 5
    return images[test:], labels[test:], images[:test], labels[:test]


def _enlarged(images: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """From 8x8, 0 to 16, to 20x20 by linear interpolation, in the middle of 28x28, 0 to 255."""
    places = np.linspace(0, 7, 20)
    weights = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(8)))
    large = np.einsum("yi,nij,xj->nyx", weights, images, weights) * 255 / 16
    return np.pad(np.round(large).astype(np.uint8), ((0, 0), (4, 4), (4, 4)))
