"""The answers: of one image, and of many as columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import repeat
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from digitserve_client.findings import PictureWarning

ROWS_AT_ONCE = 1024
DECIMALS = 6  # of confidences and probabilities in JSON and CSV


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What one image shows.

    digit: the most probable digit, 0 to 9. Of a model that reads something else, the index of the class.
    label: what the model calls that class: "0" to "9" for digits.
    confidence: calibrated probability of that class, 0 to 1.
    probabilities: calibrated probabilities of all classes, in the order of their indices, which sum to 1;
        None unless asked for.
    needs_review: True when a person should look: the confidence is below the model's own threshold, or
        there are warnings.
    warnings: what is odd about the picture, such as "cut_off"; see `findings.PictureWarning`. Arrays, which
        go to the model as they are, have none.
    model_name, model_version: the concrete model that answered, such as "digits" and "2".
    """

    digit: int
    label: str
    confidence: float
    probabilities: tuple[float, ...] | None = field(default=None, repr=False)
    needs_review: bool
    model_name: str
    model_version: str
    warnings: tuple[PictureWarning, ...] = ()

    def __str__(self) -> str:
        review = ["needs review"] if self.needs_review else []
        notes = [percent(self.confidence), *review, *(warning.text for warning in self.warnings)]
        return f"{self.label} ({', '.join(notes)})"


def percent(confidence: float) -> str:
    """A confidence for people: nothing is rounded up to certainty."""
    return ">99.9%" if confidence > 0.999 else f"{confidence:.1%}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Classifications(Sequence[Classification]):
    """What N images show, as read-only columns in the order of the images.

    It is also a sequence: an index gives a `Classification`, a slice gives `Classifications` (views).

    digits: (N,) uint8. labels: (N,) str. confidences: (N,) float32, 0 to 1. needs_review: (N,) bool.
    probabilities: (N, classes) float32, or None unless asked for.
    model_names, model_versions: (N,) str. A large batch is split into several calls, and a roll-out
        may come between two of them: so every row tells which model answered it.
    warnings: (N,) object, a tuple of `findings.PictureWarning` for each image, most of them empty.
    """

    digits: NDArray[np.uint8]
    labels: NDArray[np.str_]
    confidences: NDArray[np.float32]
    needs_review: NDArray[np.bool_]
    probabilities: NDArray[np.float32] | None = None
    model_names: NDArray[np.str_]
    model_versions: NDArray[np.str_]
    warnings: NDArray[np.object_]

    def __post_init__(self) -> None:
        answers = (self.digits, self.labels, self.confidences, self.needs_review, self.warnings)
        for column in (*answers, self.probabilities, self.model_names, self.model_versions):
            if column is not None:
                column.flags.writeable = False

    def __len__(self) -> int:
        return len(self.digits)

    @overload
    def __getitem__(self, index: int) -> Classification: ...
    @overload
    def __getitem__(self, index: slice) -> "Classifications": ...
    def __getitem__(self, index: int | slice) -> "Classification | Classifications":
        return self._part(index) if isinstance(index, slice) else self._row(index)

    def _part(self, rows: slice) -> "Classifications":
        return Classifications(
            digits=self.digits[rows],
            labels=self.labels[rows],
            confidences=self.confidences[rows],
            needs_review=self.needs_review[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            model_names=self.model_names[rows],
            model_versions=self.model_versions[rows],
            warnings=self.warnings[rows],
        )

    def _row(self, index: int) -> Classification:
        row = range(len(self))[index]  # counts from the end too, and raises IndexError
        return next(self._part(slice(row, row + 1))._rows())

    def __iter__(self) -> Iterator[Classification]:
        """Row by row, far faster than by index, in bounded memory."""
        for start in range(0, len(self), ROWS_AT_ONCE):
            yield from self._part(slice(start, start + ROWS_AT_ONCE))._rows()

    def _rows(self) -> Iterator[Classification]:
        # Lists of Python's own numbers, for a numpy scalar costs more than all the rest of a row; and slots
        # filled directly, for the __init__ of a frozen dataclass takes twice as long as all of this.
        put_digit, put_label, put_confidence, put_probabilities, put_needs_review, *put_rest = PUT
        put_name, put_version, put_warnings = put_rest
        answers = (self.digits, self.labels, self.confidences, self.needs_review)
        columns = [column.tolist() for column in answers]
        often_alike = [_values(column) for column in (self.model_names, self.model_versions, self.warnings)]
        rows = zip(*columns, self._probability_rows(), *often_alike, strict=False)
        for digit, label, confidence, needs_review, probabilities, name, version, warnings in rows:
            row = object.__new__(Classification)
            put_digit(row, digit)
            put_label(row, label)
            put_confidence(row, confidence)
            put_probabilities(row, probabilities)
            put_needs_review(row, needs_review)
            put_name(row, name)
            put_version(row, version)
            put_warnings(row, warnings)
            yield row

    def _probability_rows(self) -> Iterable[tuple[float, ...] | None]:
        return repeat(None) if self.probabilities is None else map(tuple, self.probabilities.tolist())

    def __repr__(self) -> str:
        pairs = zip(self.model_names.tolist(), self.model_versions.tolist(), strict=True)
        models = ", ".join(f"{name}/{version}" for name, version in dict.fromkeys(pairs))
        review = int(self.needs_review.sum())
        return f"<Classifications of {len(self)} images by {models or 'nobody'}, {review} to review>"

    @classmethod
    def join(cls, parts: Sequence["Classifications"]) -> "Classifications":
        """One after the other; at least one part, all with probabilities or none."""
        if len(parts) == 1:
            return parts[0]
        probabilities = [part.probabilities for part in parts if part.probabilities is not None]
        return cls(
            digits=np.concatenate([part.digits for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            confidences=np.concatenate([part.confidences for part in parts]),
            needs_review=np.concatenate([part.needs_review for part in parts]),
            probabilities=np.concatenate(probabilities) if probabilities else None,
            model_names=np.concatenate([part.model_names for part in parts]),
            model_versions=np.concatenate([part.model_versions for part in parts]),
            warnings=np.concatenate([part.warnings for part in parts]),
        )


def _values(column: NDArray[Any]) -> Iterable[Any]:
    """Python's values of a column; one and the same where one stands for all rows."""
    return repeat(column[:1].tolist()[0]) if column.strides == (0,) else column.tolist()


PUT: tuple[Callable[[Classification, Any], None], ...] = tuple(
    getattr(Classification, each.name).__set__ for each in fields(Classification)
)
"""What fills each slot of a Classification, in the order of its fields."""
