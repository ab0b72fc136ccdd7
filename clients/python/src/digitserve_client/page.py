"""The answer to a page: strings of digits, where they stand, and how sure each of them is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from digitserve_client.results import DECIMALS, percent

Corner: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Quad:
    """A box that may be tilted, in px of the picture as it is seen: upright, where its EXIF data turn it.

    corners: x and y of the upper left, upper right, lower right and lower left corner, as the digits stand;
        x from the left edge of the picture, y from the upper one.
    """

    corners: tuple[Corner, Corner, Corner, Corner]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """X and y of the upper left corner, width and height of the upright box around it, in px."""
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDigit:
    """One digit of a page.

    digit: 0 to 9. label: what the model calls it. confidence: calibrated probability of it, 0 to 1; that the
        ink was parted rightly from its neighbours is not in it.
    needs_review: True when a person should look: the confidence is below the model's own threshold, or the
        digit had to be cut from what touches it or joined from several strokes.
    box: around its ink.
    """

    digit: int
    label: str
    confidence: float
    needs_review: bool
    box: Quad

    def facts(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {
            "digit": self.digit,
            "label": self.label,
            "confidence": round(self.confidence, DECIMALS),
            "needs_review": self.needs_review,
            "box": [list(corner) for corner in self.box.corners],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitString:
    """Digits that stand side by side, from left to right; a point or comma between them is left out.

    text: such as "1470". confidence: that all of its digits are right, 0 to 1: the product of theirs.
    needs_review: True when one of its digits does. box: around all of them.
    """

    text: str
    digits: tuple[PageDigit, ...]
    confidence: float
    needs_review: bool
    box: Quad

    def __str__(self) -> str:
        review = ", needs review" if self.needs_review else ""
        return f"{self.text} ({percent(self.confidence)}{review})"

    def facts(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {
            "text": self.text,
            "confidence": round(self.confidence, DECIMALS),
            "needs_review": self.needs_review,
            "box": [list(corner) for corner in self.box.corners],
            "digits": [digit.facts() for digit in self.digits],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The digits of one picture.

    strings: in reading order, row by row from the top, in each from the left.
    width_px, height_px: of the picture that boxes refer to.
    model_name, model_version: the model that answered; empty when nothing on the page looked like a digit.
    """

    strings: tuple[DigitString, ...]
    width_px: int
    height_px: int
    model_name: str
    model_version: str

    @property
    def digits(self) -> Iterator[PageDigit]:
        """All digits, in reading order."""
        return (digit for string in self.strings for digit in string.digits)

    @property
    def needs_review(self) -> bool:
        """Whether any of the strings does."""
        return any(string.needs_review for string in self.strings)

    def __str__(self) -> str:
        return "\n".join(map(str, self.strings))

    def facts(self) -> dict[str, Any]:
        """As it stands in JSON."""
        return {
            "width_px": self.width_px,
            "height_px": self.height_px,
            "needs_review": self.needs_review,
            "strings": [string.facts() for string in self.strings],
            "model": {"name": self.model_name, "version": self.model_version} if self.model_name else None,
        }
