"""Images with what they show, in the form that the job learns from and is judged by."""

import hashlib
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]

SIDE_PX = 28
DIGIT_LABELS = tuple("0123456789")

MNIST_TEST_SHA256 = "c3f9adf9c66efb572b1f9326c3a511b45910c7173b97be66ceceeeeaef6b802b"
"""`LabelledImages.sha256` of MNIST's test set, by which it is known under any file name."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images and the class of each.

    `images` is uint8 (N, 28, 28), 0 paper to 255 ink; `labels` uint8 (N,), the index of the class, from 0;
    `writers`, where it is known who drew what, integers (N,).
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
    """A training and a test set of the same classes.

    `source` says in a few words, without folders, where they came from; `labels` holds the name of each
    class, 2 to 256 of them, in the order of their indices: "0" to "9" for digits.
    """

    source: str
    train: LabelledImages
    test: LabelledImages
    labels: tuple[str, ...]
