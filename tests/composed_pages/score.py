"""How much of what was written was read."""

from dataclasses import dataclass

import numpy as np
from digitserve_client.page import Page, PageDigit
from numpy.typing import NDArray

from composed_pages.canvas import Written

Points = NDArray[np.float64]


@dataclass(slots=True)
class Score:
    """Counts over pages. right: digits read, at their place. strings_right: whole strings, nothing more."""

    written: int = 0
    read: int = 0
    right: int = 0
    strings: int = 0
    strings_right: int = 0

    @property
    def precision(self) -> float:
        """Of the digits that were read, 0 to 1."""
        return self.right / max(self.read, 1)

    @property
    def recall(self) -> float:
        """Of the digits that were written, 0 to 1."""
        return self.right / max(self.written, 1)

    @property
    def exactness(self) -> float:
        """Of the strings that were written, 0 to 1."""
        return self.strings_right / max(self.strings, 1)

    def add(self, page: Page, written: list[Written]) -> None:
        """Counts one more page."""
        found = matches(page, written)
        self.written += len(written)
        self.read += len(list(page.digits))
        self.right += sum(
            each is not None and each.digit == one.digit for each, one in zip(found, written, strict=True)
        )
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
