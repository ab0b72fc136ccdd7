"""The data sets that Keras downloads and keeps."""

import contextlib
import importlib
import sys
from dataclasses import dataclass

from digitserve_training.data.dataset import DIGIT_LABELS, Array, Dataset
from digitserve_training.data.part import Part, checked_dataset
from digitserve_training.errors import DataMissing


@dataclass(frozen=True)
class KerasSet:
    """One of `keras.datasets`."""

    title: str
    module: str
    labels: tuple[str, ...]

    def load(self) -> Dataset:
        """As Keras fetches it, or has fetched it before. Raises DataMissing."""
        train, test = (
            Part(images, f"{self.module}: images", labels, f"{self.module}: labels")
            for images, labels in self._downloaded()
        )
        return checked_dataset(self.module, train, test, self.labels)

    def _downloaded(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        module = importlib.import_module(self.module)
        try:
            # Keras shows the download on stdout, which belongs to the result.
            with contextlib.redirect_stdout(sys.stderr):
                train, test = module.load_data()
        except Exception as error:  # Keras raises a bare Exception when the network fails
            raise DataMissing(str(error).splitlines()[0], self.title) from error
        return train, test


KERAS_SETS = {
    "mnist": KerasSet("MNIST", "keras.datasets.mnist", DIGIT_LABELS),
    "fashion-mnist": KerasSet(
        "Fashion-MNIST",
        "keras.datasets.fashion_mnist",
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
}
