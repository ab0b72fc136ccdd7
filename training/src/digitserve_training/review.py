"""The review threshold: below which confidence a person should look."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_WRONG = 1 / 2_000
"""The share of wrong answers that is allowed at or above the threshold."""


@dataclass(frozen=True)
class Review:
    """A confidence threshold and what it did on the validation images.

    `coverage` is the share of answers at or above the threshold, `error_rate` the share of wrong ones
    among them, `promise` both in a sentence, with how much so many images can show.
    """

    threshold: float
    promise: str
    coverage: float
    error_rate: float


def review(probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], whose: str) -> Review:
    """The smallest threshold at or above which at most 1 in 2,000 validation answers are wrong.

    Takes calibrated probabilities (N, 10) and labels (N,); `whose` describes the images in the promise.
    """
    confidences = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != labels
    threshold = _smallest_threshold(confidences, wrong)
    sure = confidences >= threshold
    answers, errors = int(sure.sum()), int(wrong[sure].sum())
    promise = _promise(threshold, len(labels), answers, errors, whose)
    return Review(threshold, promise, answers / len(labels), errors / max(answers, 1))


def _smallest_threshold(confidences: npt.NDArray[np.floating], wrong: npt.NDArray[np.bool_]) -> float:
    """Between the least confident answer that is let through and the next; 1 if none is let through."""
    order = np.argsort(-confidences, kind="stable")
    sorted_confidences = np.append(confidences[order].astype(np.float64), 0.0)
    rates = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    # A threshold passes all answers of equal confidence or none.
    allowed = (rates <= MOST_WRONG) & (sorted_confidences[:-1] > sorted_confidences[1:])
    if not allowed.any():
        return 1.0
    last = int(np.flatnonzero(allowed)[-1])
    return _roundest(float(sorted_confidences[last + 1]), float(sorted_confidences[last]))


def _roundest(low: float, high: float) -> float:
    """A number above low and not above high, with as few decimals as that takes."""
    middles = (round((low + high) / 2, decimals) for decimals in range(2, 17))
    return next((middle for middle in middles if low < middle <= high), high)


def _promise(threshold: float, images: int, answers: int, errors: int, whose: str) -> str:
    if errors > answers * MOST_WRONG or not answers:
        return f"None: on {images:,} validation images {whose} no threshold keeps errors to 1 in 2,000."
    limit = upper_limit(errors, answers)
    shown = "this shows" if limit <= MOST_WRONG else "too few images to show 1 in 2,000; they show"
    return (
        f"Of {images:,} validation images {whose}, {answers:,} were answered with a confidence of "
        f"{threshold:g} or more, {errors or 'none'} of them wrongly: {shown}, with 95 % confidence, "
        f"at most 1 wrong answer in {math.floor(1 / limit):,} for images of that kind. "
        "The threshold was chosen on the same images."
    )


def upper_limit(errors: int, answers: int) -> float:
    """The highest error rate that is still compatible with so few errors, at 95 % confidence.

    Clopper, Pearson: The Use of Confidence or Fiducial Limits. Biometrika 26, 1934.
    """
    low, high = errors / max(answers, 1), 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance_of_at_most(errors, answers, middle) > 0.05 else (low, middle)
    return high


def _chance_of_at_most(errors: int, answers: int, rate: float) -> float:
    """The binomial distribution's cumulative probability."""
    if rate >= 1:
        return float(errors >= answers)
    log_odds = math.log(rate / (1 - rate)) if rate > 0 else -math.inf
    return math.fsum(
        math.exp(math.log(math.comb(answers, k)) + (k * log_odds if k else 0.0) + answers * math.log1p(-rate))
        for k in range(errors + 1)
    )
