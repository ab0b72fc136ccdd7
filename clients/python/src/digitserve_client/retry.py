"""When to try again. Decisions only: the sync and the async client do the waiting."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from digitserve_client.errors import CallError, DeadlineExceeded, TryLater


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how soon a call is tried again.

    Only what passes by itself is tried again: UNAVAILABLE (no server, starting, stopping) and
    RESOURCE_EXHAUSTED with the server's RetryInfo (queue full). The pause before attempt n + 1 is drawn
    from 0 to min(max_backoff_s, initial_backoff_s * multiplier ** (n - 1)), after the delay the server
    asked for, if it did. The call's `timeout_s` covers all attempts and pauses.

    attempts: at most so many, 1 is no retries; None is as many as fit into the call's time.
    jitter: share of the pause that is drawn at random, 0 to 1; 1 spreads many clients best.

    Raises ValueError for a value out of range.
    """

    attempts: int | None = None
    initial_backoff_s: float = 0.05
    max_backoff_s: float = 1.0
    multiplier: float = 2.0
    jitter: float = 1.0

    def __post_init__(self) -> None:
        if self.attempts is not None and self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; None or at least 1 is wanted")
        if not 0 < self.initial_backoff_s <= self.max_backoff_s:
            raise ValueError(
                f"initial_backoff_s is {self.initial_backoff_s} and max_backoff_s {self.max_backoff_s};"
                " 0 < initial_backoff_s <= max_backoff_s is wanted"
            )
        if self.multiplier < 1:
            raise ValueError(f"multiplier is {self.multiplier}; at least 1 is wanted")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is {self.jitter}; 0 to 1 is wanted")


class Retries:
    """The retry decisions of one call, from its start to its deadline."""

    def __init__(
        self, policy: RetryPolicy, timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._deadline_s = clock() + timeout_s
        self._backoff_s = policy.initial_backoff_s
        self._failed = 0
        self._last: TryLater | None = None

    def remaining_s(self) -> float:
        """Seconds that the next attempt may take, never below 0."""
        return max(0.0, self._deadline_s - self._clock())

    def delay_after_s(self, error: CallError) -> float:
        """Seconds to wait before the next attempt; raises the error when there shall be none."""
        if isinstance(error, DeadlineExceeded) and self._last is not None:
            raise self._last  # why the attempts before failed tells more than that the time is over
        if not isinstance(error, TryLater):
            raise error
        self._last = error
        self._failed += 1
        delay_s = (error.retry_after_s or 0.0) + self._next_backoff_s()
        if self._failed == self._policy.attempts or delay_s >= self.remaining_s():
            raise error
        return delay_s

    def _next_backoff_s(self) -> float:
        ceiling_s = self._backoff_s
        self._backoff_s = min(ceiling_s * self._policy.multiplier, self._policy.max_backoff_s)
        return ceiling_s * (1 - self._policy.jitter * random.random())  # noqa: S311  # no secret
