"""How good the answers are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digitserve_training.data import LabelledImages


@dataclass(frozen=True)
class Metrics:
    """Measured on one set of images: `accuracy` is a share, `cross_entropy` the mean in nats."""

    images: int
    accuracy: float
    cross_entropy: float
    data_sha256: str


def evaluate(probabilities: npt.NDArray[np.floating], truth: LabelledImages) -> Metrics:
    """Measures the answers, (N, 10), to the images of `truth`."""
    right = probabilities.argmax(axis=1) == truth.labels
    likelihoods = probabilities[np.arange(len(truth)), truth.labels].astype(np.float64)
    # A float32 softmax may round to 0, where the logarithm is infinite.
    cross_entropy = -np.log(np.maximum(likelihoods, np.finfo(np.float32).tiny)).mean()
    return Metrics(len(truth), float(right.mean()), float(cross_entropy), truth.sha256())
