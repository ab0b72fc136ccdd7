"""What the validation images are like, and the answers to them: what a server compares its callers' with."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from digitserve_training.data import Images
from digitserve_training.evaluation import Probabilities

# Nearly all confidences are close to 1, where quantiles would tell nothing but noise from noise.
CONFIDENCE_EDGES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
INK_BINS = 10  # of as many images each, as is usual for the population stability index
DECIMALS = 5


@dataclass(frozen=True)
class Shares:
    """Shares of the values in the bins between rising edges: bin k is above edge k - 1, up to and with k."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Distribution:
    """Of so many images: shares of the predictions, by class, of the confidences and of the ink densities."""

    images: int
    predictions: tuple[float, ...]
    confidence: Shares
    ink_density: Shares

    def table(self) -> dict[str, Any]:
        """As the manifest has it."""
        return asdict(self)


def distribution(images: Images, probabilities: Probabilities) -> Distribution:
    """Of images, uint8 (N, 28, 28), and the answers to them (N, classes).

    Confidence is the highest probability, ink density the mean of an image's pixels, from 0 to 1.
    """
    predictions = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    ink = images.mean(axis=(1, 2)) / 255
    deciles = np.quantile(ink, np.arange(1, INK_BINS) / INK_BINS)
    return Distribution(
        len(images),
        _rounded(predictions / len(images)),
        _shares(probabilities.max(axis=1), CONFIDENCE_EDGES),
        _shares(ink, tuple(dict.fromkeys(_rounded(deciles)))),
    )


def _shares(values: npt.NDArray[np.floating[Any]], edges: tuple[float, ...]) -> Shares:
    counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    return Shares(edges, _rounded(counts / len(values)))


def _rounded(values: npt.NDArray[np.floating[Any]]) -> tuple[float, ...]:
    return tuple(round(float(value), DECIMALS) for value in values)
