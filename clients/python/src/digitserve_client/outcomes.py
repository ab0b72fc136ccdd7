"""What the command line learned of one picture, and how it stands in JSON and CSV."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from digitserve_client.page import Page
from digitserve_client.results import Classification

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


@dataclass(frozen=True, slots=True)
class Kind:
    """What a command finds out, in CSV: the columns, and the rows of one outcome, at least one.

    number: the column that counts the rows of a picture from 1, empty where there is nothing to count; none
    if each picture has one row.
    """

    columns: tuple[str, ...]
    rows: Callable[[Facts], Iterator[tuple[Any, ...]]]
    number: str = ""


def _digit_facts(picture: str, answer: Classification) -> Facts:
    return {
        "picture": picture,
        "digit": answer.digit,
        "label": answer.label,
        "confidence": round(answer.confidence, 6),
        "needs_review": answer.needs_review,
        "warnings": list(answer.warnings),
        "model": {"name": answer.model_name, "version": answer.model_version},
    }


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
