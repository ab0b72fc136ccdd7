"""What became of calls."""

from collections import Counter

import msgspec


class Tally(msgspec.Struct):
    """Calls that have ended: with the right answer, a wrong one, or failed by the name of a code.

    longest_s: how long the slowest of them took, its retries included.
    """

    answered: int = 0
    wrong: int = 0
    failed: dict[str, int] = {}
    longest_s: float = 0.0

    @property
    def ended(self) -> int:
        """All of them."""
        return self.answered + self.wrong + sum(self.failed.values())

    def fails(self, code: str, calls: int = 1) -> None:
        """Counts failed calls."""
        self.failed[code] = self.failed.get(code, 0) + calls

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.answered + other.answered,
            self.wrong + other.wrong,
            dict(Counter(self.failed) + Counter(other.failed)),
            max(self.longest_s, other.longest_s),
        )
