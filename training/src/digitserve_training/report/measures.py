"""What metrics.json says of a model on one test set."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from scipy import stats
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from digitserve_training.evaluation import (
    Probabilities,
    brier_score,
    calibration_error,
    calibration_error_equal_mass,
    mean_nats,
    risks,
)
from digitserve_training.report.model import Model
from digitserve_training.report.samples import Samples


class Share(Struct, frozen=True):
    """How many of how many, with the 95 % limits of Clopper and Pearson on both sides."""

    count: int
    of: int
    share: float
    low: float
    high: float


class ClassMeasures(Struct, frozen=True):
    """How one class is read; its images, and what scikit-learn says."""

    label: str
    images: int
    precision: float
    recall: float
    f1: float


class ReviewMeasures(Struct, frozen=True):
    """What the threshold does: `coverage` is answered without review, of which `error` is wrong."""

    threshold: float
    coverage: Share
    error: Share


class Measures(Struct, frozen=True):
    """One test set. Pictures that the client refused count as not read, and as left to a person.

    Cross-entropy in nats; `calibration_error` over 15 bins of equal width, and of equal mass; `brier` from 0
    to 2; `confusion` has a row for each true class and a column for each answer.
    """

    name: str
    images: int
    refused: int
    prepared_by: str | None
    data_sha256: str
    accuracy: Share
    cross_entropy: float
    calibration_error: float
    calibration_error_equal_mass: float
    brier: float
    risk_coverage_area: float
    review: ReviewMeasures
    classes: list[ClassMeasures]
    confusion: list[list[int]]

    def __str__(self) -> str:
        """The gist, in a line."""
        review = self.review
        return (
            f"{self.name}: {self.accuracy.share:.2%} of {self.images:,} images right, calibration error "
            f"{self.calibration_error:.2%}; {review.coverage.share:.2%} answered without review, "
            f"{review.error.share:.3%} of those wrongly"
        )


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model says, probabilities (N, classes), to the images of a test set."""

    samples: Samples
    probabilities: Probabilities

    @cached_property
    def confidences(self) -> Probabilities:
        """The highest probability of each answer, (N,)."""
        highest: Probabilities = self.probabilities.max(axis=1)
        return highest

    @cached_property
    def said(self) -> npt.NDArray[np.intp]:
        """The index of the class that each answer names, (N,)."""
        columns: npt.NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return columns

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether it is the true one, (N,)."""
        same: npt.NDArray[np.bool_] = self.said == self.samples.truth.labels
        return same


def answers(model: Model, samples: Samples) -> Answers:
    """Asks the model."""
    return Answers(samples, model.graph.probabilities(samples.truth.images))


def measure(given: Answers, model: Model) -> Measures:
    """All figures of one test set."""
    samples, labels = given.samples, given.samples.truth.labels
    sure = given.confidences >= model.threshold
    return Measures(
        name=samples.name,
        images=len(samples),
        refused=samples.refused,
        prepared_by=samples.prepared_by,
        data_sha256=samples.truth.sha256(),
        accuracy=share(int(given.right.sum()), len(samples)),
        cross_entropy=mean_nats(given.probabilities, labels),
        calibration_error=calibration_error(given.confidences, given.right),
        calibration_error_equal_mass=calibration_error_equal_mass(given.confidences, given.right),
        brier=brier_score(given.probabilities, labels),
        risk_coverage_area=float(risks(given.confidences, given.right).mean()),
        review=ReviewMeasures(
            model.threshold,
            share(int(sure.sum()), len(samples)),
            share(int((~given.right[sure]).sum()), int(sure.sum())),
        ),
        classes=_classes(given, model),
        confusion=confusion_matrix(labels, given.said, labels=range(len(model.labels))).tolist(),
    )


def share(count: int, of: int) -> Share:
    """So many of so many; of none, the limits are 0 and 1."""
    if not of:
        return Share(count, of, 0.0, 0.0, 1.0)
    limits = stats.binomtest(count, of).proportion_ci(0.95, method="exact")
    return Share(count, of, count / of, float(limits.low), float(limits.high))


def _classes(given: Answers, model: Model) -> list[ClassMeasures]:
    columns = precision_recall_fscore_support(
        given.samples.truth.labels, given.said, labels=range(len(model.labels)), zero_division=0.0
    )
    return [
        ClassMeasures(label, int(images), float(precision), float(recall), float(f1))
        for label, precision, recall, f1, images in zip(model.labels, *columns, strict=True)
    ]
