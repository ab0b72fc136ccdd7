"""How calls ended, by method and code, and why requests were refused."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable

from digitserve_serving.metrics import families
from digitserve_serving.metrics.families import Snapshot
from digitserve_serving.status import REASONS, Status

OK, CANCELLED = "OK", "CANCELLED"


class CallCounts:
    """Counts calls. Safe for threads, which answer at the same time. A method is written service/method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered = defaultdict[str, int](int)
        self._calls = Counter[tuple[str, str]]()  # the others
        self._reasons = Counter(dict.fromkeys(REASONS, 0))

    def answered(self, methods: Iterable[str]) -> None:
        """These calls were answered, as they wanted to be."""
        with self._lock:
            for method in methods:
                self._answered[method] += 1

    def cancelled(self, method: str) -> None:
        """Who called has gone, or the deadline has passed meanwhile."""
        with self._lock:
            self._calls[method, CANCELLED] += 1

    def failed(self, method: str, status: Status) -> None:
        """A call was answered with an error."""
        with self._lock:
            self._calls[method, status.code.name] += 1
            self._reasons[status.reason] += 1

    def refused(self, status: Status) -> None:
        """A request of a stream was, and the stream goes on."""
        with self._lock:
            self._reasons[status.reason] += 1

    def snapshot(self) -> Snapshot:
        """All of it until now."""
        with self._lock:
            calls = self._calls | {(method, OK): n for method, n in self._answered.items()}
            found: Snapshot = {(families.CALLS.name, ended): [n] for ended, n in calls.items()}
            return found | {(families.REJECTIONS.name, (why,)): [n] for why, n in self._reasons.items()}
