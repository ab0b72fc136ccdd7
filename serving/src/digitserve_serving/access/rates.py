"""How much a caller may ask for, per second."""

import threading
import time
from collections.abc import Callable

BURST_S = 1.0  # what has not been used for so long may be used at once
SHORTEST_WAIT_S = 0.001


class TokenBucket:
    """Lets `per_s` units a second through, averaged, and BURST_S seconds' worth at once. Safe for threads.

    Whoever comes while it is not empty gets all that is asked for, and leaves it in debt: so a large call
    is let through as well, and those after it wait the longer.
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._level = self._full = per_s * BURST_S
        self._filled_at_s = clock()

    def take(self, units: float) -> float:
        """0, or the seconds until there is something in it again: then nothing was taken."""
        with self._lock:
            now_s = self._clock()
            self._level = min(self._full, self._level + (now_s - self._filled_at_s) * self._per_s)
            self._filled_at_s = now_s
            if self._level <= 0:
                return max(-self._level / self._per_s, SHORTEST_WAIT_S)
            self._level -= units
            return 0.0
