"""The review threshold: below which confidence a person should look."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

MOST_WRONG = 1 / 2_000
"""The share of wrong answers that is allowed at or above the threshold."""

FEWEST = 300
"""So many answers at least have to be at or above the threshold.

Without any error they show at most 1 wrong answer in 100: on fewer, a promise of 1 in 2,000 would rest on
nothing but the confidences.
"""

RESERVE = 1.5
"""So many times the share of wrong answers that the confidences expect has to fit into what is allowed.

Measured with thresholds from 5,000 of MNIST's training images by some writers, on 25,000 by others: the
threshold that merely counts errors lets 1.3 times through what is allowed, and up to 4.8 times; with the
expectation, which learns from every image and not from two or three errors, it is 1.0 and 3.4; with this
reserve 0.8 and 2.6.
"""

Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Review:
    """A confidence threshold and what it did on the validation images.

    `coverage` is the share of answers at or above the threshold, `error_rate` the share of wrong ones
    among them, `promise` both in words, with how much so many images can show.
    """

    threshold: float
    promise: str
    coverage: float
    error_rate: float


def review(probabilities: Floats, labels: npt.NDArray[np.integer[Any]], whose: str) -> Review:
    """The smallest threshold that keeps to 1 wrong answer in 2,000, by the count and by expectation.

    At or above it, at most that share of the validation answers are wrong; and 1.5 times the share that
    their confidences expect to be wrong is no more, either: the count alone rests on two or three errors.
    Where fewer than 300 answers would be let through, the threshold is 1, and nothing is promised.
    Takes calibrated probabilities (N, classes) and labels (N,); `whose` describes the images in the promise.
    """
    confidences = probabilities.max(axis=1).astype(np.float64)
    wrong = probabilities.argmax(axis=1) != labels
    threshold = _smallest_threshold(confidences, wrong)
    sure = confidences >= threshold
    answers, errors = int(sure.sum()), int(wrong[sure].sum())
    expected = float((1 - confidences[sure]).sum()) / max(answers, 1)
    return Review(
        threshold=threshold,
        promise=_promise(
            threshold, images=len(labels), answers=answers, errors=errors, expected=expected, whose=whose
        ),
        coverage=answers / len(labels),
        error_rate=errors / max(answers, 1),
    )


def upper_limit(errors: int, answers: int) -> float:
    """The highest error rate that is still compatible with so few errors, at 95 % confidence.

    Clopper, Pearson: The Use of Confidence or Fiducial Limits. Biometrika 26, 1934.
    """
    if not answers:
        return 1.0
    counted = stats.binomtest(errors, answers, alternative="less")
    return float(counted.proportion_ci(0.95, method="exact").high)


def _smallest_threshold(confidences: Floats, wrong: Flags) -> float:
    """Between the least confident answer that is let through and the next; 1 if too few could be."""
    order = np.argsort(-confidences, kind="stable")
    descending = np.append(confidences[order], 0.0)
    passed = np.arange(1, len(order) + 1)
    counted, expected = np.cumsum(wrong[order]) / passed, np.cumsum(1 - confidences[order]) / passed
    # A threshold passes all answers of equal confidence or none.
    ends = descending[:-1] > descending[1:]
    allowed = (counted <= MOST_WRONG) & (RESERVE * expected <= MOST_WRONG) & ends & (passed >= FEWEST)
    if not allowed.any():
        return 1.0
    last = int(np.flatnonzero(allowed)[-1])
    return _roundest(float(descending[last + 1]), float(descending[last]))


def _roundest(low: float, high: float) -> float:
    """A number above low and not above high, with as few decimals as that takes."""
    middles = (round((low + high) / 2, decimals) for decimals in range(2, 17))
    return next((middle for middle in middles if low < middle <= high), high)


def _promise(threshold: float, *, images: int, answers: int, errors: int, expected: float, whose: str) -> str:
    if images < FEWEST:
        few = f"None: {images:,} validation images {whose} are too few to choose a threshold by"
        return f"{few}; it takes {FEWEST}, which are a tenth of the training images."
    if errors > answers * MOST_WRONG or answers < FEWEST:
        none = f"None: on {images:,} validation images {whose} no threshold keeps errors to 1 in 2,000"
        return f"{none} and answers {FEWEST} of them."
    limit = upper_limit(errors, answers)
    shown = "this shows" if limit <= MOST_WRONG else "too few images to show 1 in 2,000; they show"
    return (
        f"At most 1 wrong answer in 2,000. Of {images:,} validation images {whose}, {answers:,} were "
        f"answered with a confidence of {threshold:g} or more, {errors or 'none'} of them wrongly: {shown}, "
        f"with 95 % confidence, at most 1 wrong answer in {math.floor(1 / limit):,} for images of that kind. "
        f"Their confidences, which are calibrated, expect {_one_in(expected)}. The threshold was chosen on "
        "the same images."
    )


def _one_in(rate: float) -> str:
    return f"1 in {math.floor(1 / rate):,}" if rate > 1e-9 else "none"
