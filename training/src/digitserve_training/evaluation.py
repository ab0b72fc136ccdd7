"""How good the answers are, in numbers.

Confidence is an answer's highest probability. What is not said by scikit-learn or SciPy is computed here.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from digitserve_training.data import LabelledImages

BINS = 15

Probabilities = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Metrics:
    """Measured on one set of images: `accuracy` is a share, `cross_entropy` the mean in nats."""

    images: int
    accuracy: float
    cross_entropy: float
    data_sha256: str


@dataclass(frozen=True)
class ReviewedMetrics(Metrics):
    """The same with what it means to rely on the confidences.

    `calibration_error` as `calibration_error` gives it; `coverage` is the share of answers at or above the
    review threshold, `error_rate` the share of wrong ones among them.
    """

    calibration_error: float
    coverage: float
    error_rate: float


def evaluate(probabilities: Probabilities, truth: LabelledImages) -> Metrics:
    """Measures the answers, (N, classes), to the images of `truth`."""
    right = probabilities.argmax(axis=1) == truth.labels
    nats = mean_nats(probabilities, truth.labels)
    return Metrics(len(truth), float(right.mean()), nats, truth.sha256())


def evaluate_reviewed(
    probabilities: Probabilities, truth: LabelledImages, threshold: float
) -> ReviewedMetrics:
    """Measures the answers, (N, classes), of which those below the threshold are left to a person."""
    plain = evaluate(probabilities, truth)
    confidences, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth.labels
    sure = confidences >= threshold
    return ReviewedMetrics(
        plain.images,
        plain.accuracy,
        plain.cross_entropy,
        plain.data_sha256,
        calibration_error=calibration_error(confidences, right),
        coverage=float(sure.mean()),
        error_rate=float((~right[sure]).sum() / max(sure.sum(), 1)),
    )


def mean_nats(probabilities: Probabilities, labels: Integers) -> float:
    """The cross-entropy of probabilities (N, classes) with labels (N,), mean in nats."""
    likelihoods = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    # A float32 softmax may round to 0, where the logarithm is infinite.
    return float(-np.log(np.maximum(likelihoods, np.finfo(np.float32).tiny)).mean())


def calibration_error(confidences: Probabilities, right: npt.NDArray[np.bool_]) -> float:
    """The expected calibration error, 0 to 1, over 15 bins of equal width (Guo et al. 2017)."""
    bins = np.minimum((confidences * BINS).astype(np.intp), BINS - 1)
    gaps = np.bincount(bins, right - confidences.astype(np.float64))
    return float(np.abs(gaps).sum() / len(right))


def calibration_error_equal_mass(confidences: Probabilities, right: npt.NDArray[np.bool_]) -> float:
    """The same over 15 bins of as many answers each, which looks closer where nearly all answers are."""
    order = np.argsort(confidences, kind="stable")
    gaps: npt.NDArray[np.float64] = (right - confidences.astype(np.float64))[order]
    parts = np.array_split(gaps, BINS)
    return float(np.abs([part.sum() for part in parts]).sum() / len(right))


def brier_score(probabilities: Probabilities, labels: Integers) -> float:
    """The mean squared distance, 0 to 2, of probabilities (N, classes) from the truth (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def risks(confidences: Probabilities, right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The share of wrong answers among the k most confident, for k from 1 to N: the risk-coverage curve.

    Answers of equal confidence come in no order, so each counts as wrong as they are on average. The mean
    of it is the area under the curve (Geifman, Uziel, El-Yaniv 2019).
    """
    _, which = np.unique(-confidences, return_inverse=True)
    wrong = np.bincount(which, ~right) / np.bincount(which)
    shares: npt.NDArray[np.float64] = np.cumsum(wrong[np.sort(which)]) / np.arange(1, len(right) + 1)
    return shares
