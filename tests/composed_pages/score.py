"""How much of what was written was read."""

from dataclasses import dataclass, field

import numpy as np
from digitserve_client.page import Page, PageDigit
from numpy.typing import NDArray

from composed_pages.canvas import Written

Points = NDArray[np.float64]


@dataclass(slots=True)
class Score:
    """Counts over pages.

    read: the confidence of each digit that was read, and whether it is right, at its place. strings_right:
    whole strings, nothing more.
    """

    written: int = 0
    read: list[tuple[float, bool]] = field(default_factory=list)
    strings: int = 0
    strings_right: int = 0

    @property
    def right(self) -> int:
        """How many digits were read rightly."""
        return sum(right for _, right in self.read)

    @property
    def precision(self) -> float:
        """Of the digits that were read, 0 to 1."""
        return self.right / max(len(self.read), 1)

    @property
    def recall(self) -> float:
        """Of the digits that were written, 0 to 1."""
        return self.right / max(self.written, 1)

    @property
    def exactness(self) -> float:
        """Of the strings that were written, 0 to 1."""
        return self.strings_right / max(self.strings, 1)

    def recall_at(self, precision: float) -> float:
        """The recall, 0 to 1, of the surest digits alone: of as many as leave the precision at that.

        The point of the precision-recall curve by confidence that has the highest recall; 0 if there is none.
        """
        surest = sorted(self.read, key=lambda digit: digit[0], reverse=True)
        right = np.cumsum([right for _, right in surest])
        enough = right[right >= precision * np.arange(1, len(right) + 1)]
        return float(enough.max(initial=0)) / max(self.written, 1)

    def add(self, page: Page, written: list[Written]) -> None:
        """Counts one more page."""
        found = matches(page, written)
        self.written += len(written)
        right = {
            id(each) for each, one in zip(found, written, strict=True) if each and each.digit == one.digit
        }
        self.read += [(digit.confidence, id(digit) in right) for digit in page.digits]
        truths: dict[int, str] = {}
        starts: dict[int, PageDigit | None] = {}
        for one, each in zip(written, found, strict=True):
            truths[one.string] = truths.get(one.string, "") + str(one.digit)
            starts.setdefault(one.string, each)
        answers = {id(string.digits[0]): string.text for string in page.strings}
        self.strings += len(truths)
        self.strings_right += sum(answers.get(id(starts[string])) == text for string, text in truths.items())


def matches(page: Page, written: list[Written]) -> list[PageDigit | None]:
    """For each written digit the one that was read there: the middle of each lies in the other's box."""
    digits = list(page.digits)
    if not digits:
        return [None] * len(written)
    boxes = np.array([digit.box.corners for digit in digits])
    middles, free = boxes.mean(axis=1), np.ones(len(digits), np.bool_)
    found: list[PageDigit | None] = []
    for one in written:
        away = np.hypot(*(middles - one.quad.mean(axis=0)).T)
        reach = 0.3 * max(
            np.linalg.norm(one.quad[3] - one.quad[0]), np.linalg.norm(one.quad[1] - one.quad[0])
        )
        nearest = int(np.argmin(np.where(free, away, np.inf)))
        if free[nearest] and away[nearest] <= reach:
            free[nearest] = False
            found.append(digits[nearest])
        else:
            found.append(None)
    return found
