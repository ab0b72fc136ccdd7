"""What the command line learned of pictures, and how it stands in JSON and CSV."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from digitserve_client.page import Page
from digitserve_client.results import DECIMALS, Classification, Classifications

Facts: TypeAlias = dict[str, Any]


class Outcome(NamedTuple):
    """A picture, and its answer or what is wrong with it."""

    picture: str
    answer: Classification | Page | None = None
    problem: str = ""

    def facts(self) -> Facts:
        """As it stands in JSON."""
        if self.answer is None:
            return {"picture": self.picture, "error": self.problem}
        if isinstance(self.answer, Page):
            return {"picture": self.picture, **self.answer.facts()}
        return _digit_facts(self.picture, self.answer)


@dataclass(frozen=True, slots=True, eq=False)
class DigitOutcomes:
    """Those of many pictures of single digits, in columns: objects would cost more than the answers.

    problems: by the place of each picture that has one. answers: for the others, if there are any.
    """

    pictures: Sequence[str]
    answers: Classifications | None
    problems: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[Outcome]:
        answers = iter(self.answers or ())
        for place, picture in enumerate(self.pictures):
            if place in self.problems:
                yield Outcome(picture, problem=self.problems[place])
            else:
                yield Outcome(picture, next(answers))

    def failed(self) -> list[Outcome]:
        """Those of pictures that have a problem."""
        return [
            Outcome(self.pictures[place], problem=self.problems[place]) for place in sorted(self.problems)
        ]

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """In CSV, as `DIGITS` has them."""
        columns = [[] for _ in range(5)] if self.answers is None else _digit_columns(self.answers)
        for place in sorted(self.problems):
            for column in columns:
                column.insert(place, "")
        problems = [self.problems.get(place, "") for place in range(len(self))]
        return zip(self.pictures, *columns, problems, strict=True)


Outcomes: TypeAlias = Sequence[Outcome] | DigitOutcomes


def failed_of(outcomes: Outcomes) -> list[Outcome]:
    """Those of pictures that have a problem."""
    if isinstance(outcomes, DigitOutcomes):
        return outcomes.failed()
    return [outcome for outcome in outcomes if outcome.problem]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a command finds out, in CSV: the columns, and the rows of one outcome, at least one.

    number: the column that counts the rows of a picture from 1, empty where there is nothing to count; none
    if each picture has one row.
    """

    columns: tuple[str, ...]
    rows: Callable[[Facts], Iterator[tuple[Any, ...]]]
    number: str = ""


def rows_of(outcomes: Outcomes, kind: Kind) -> Iterable[tuple[Any, ...]]:
    """In CSV: as many rows for each as its kind has."""
    if isinstance(outcomes, DigitOutcomes):
        return outcomes.rows()
    return (row for outcome in outcomes for row in kind.rows(outcome.facts()))


def _digit_facts(picture: str, answer: Classification) -> Facts:
    return {
        "picture": picture,
        "digit": answer.digit,
        "label": answer.label,
        "confidence": round(answer.confidence, DECIMALS),
        "needs_review": answer.needs_review,
        "warnings": list(answer.warnings),
        "model": {"name": answer.model_name, "version": answer.model_version},
    }


def _digit_columns(answers: Classifications) -> list[list[Any]]:
    models = zip(answers.model_names.tolist(), answers.model_versions.tolist(), strict=True)
    return [
        answers.labels.tolist(),
        answers.confidences.astype(np.float64).round(DECIMALS).tolist(),
        np.where(answers.needs_review, "true", "false").tolist(),
        [" ".join(warnings) for warnings in answers.warnings.tolist()],
        [f"{name}/{version}" for name, version in models],
    ]


def _digit_rows(facts: Facts) -> Iterator[tuple[Any, ...]]:
    if "error" in facts:
        yield facts["picture"], *[""] * 5, facts["error"]
        return
    review, warnings = "true" if facts["needs_review"] else "false", " ".join(facts["warnings"])
    yield facts["picture"], facts["label"], facts["confidence"], review, warnings, _model(facts), ""


def _page_rows(facts: Facts) -> Iterator[tuple[Any, ...]]:
    for number, string in enumerate(facts.get("strings", ()), 1):
        xs, ys = zip(*string["box"], strict=True)
        box = [round(each, 1) for each in (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))]
        review = str(string["needs_review"]).lower()
        yield facts["picture"], number, string["text"], string["confidence"], review, *box, _model(facts), ""
    if not facts.get("strings"):
        yield facts["picture"], *[""] * 9, facts.get("error", "")


def _model(facts: Facts) -> str:
    return f"{facts['model']['name']}/{facts['model']['version']}"


DIGITS = Kind(
    columns=("picture", "digit", "confidence", "needs_review", "warnings", "model", "error"),
    rows=_digit_rows,
)
PAGES = Kind(
    columns=(
        *("picture", "string", "text", "confidence", "needs_review"),
        *("x", "y", "width", "height", "model", "error"),
    ),
    rows=_page_rows,
    number="string",
)
