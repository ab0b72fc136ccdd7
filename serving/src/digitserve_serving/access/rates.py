"""How much a caller may ask for, per second."""

import threading
import time
from collections.abc import Callable

BURST_S = 1.0  # what has not been used for so long may be used at once


class TokenBucket:
    """Lets `per_s` units a second through, averaged, and BURST_S seconds' worth at once. Safe for threads.

    Who asks for more than it holds when it is full gets that from a full one, and leaves it in debt: so a
    large call is let through as well, and those after it wait the longer.
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._level = self._full = per_s * BURST_S
        self._filled_at_s = clock()

    def take(self, units: float) -> float:
        """0, or the seconds until there is enough in it: then nothing was taken."""
        with self._lock:
            now_s = self._clock()
            self._level = min(self._full, self._level + (now_s - self._filled_at_s) * self._per_s)
            self._filled_at_s = now_s
            missing = min(units, self._full) - self._level
            if missing > 0:
                return missing / self._per_s
            self._level -= units
            return 0.0
