"""Rate limits of callers, counted by token buckets over all processes on a port together."""

import contextlib
import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator

BURST_S = 1.0  # what has not been used for so long may be used at once
SLOT = struct.Struct("16sdd")  # whose it is; the units in it, and when they were counted
KEY_BYTES = 16
SLOTS = 2**15
SIZE = SLOT.size * SLOTS
NOBODY = bytes(KEY_BYTES)


class TooManyRates(Exception):
    """There is no room to count one more rate; str() says so."""


class Levels:
    """How full buckets are: in this process, or in memory that workers share. Safe for threads."""

    def __init__(self, shared: int | None = None) -> None:
        """`shared` is a descriptor of SIZE bytes, all 0 at first."""
        self._shared = shared
        self.memory = bytearray(SIZE) if shared is None else mmap.mmap(shared, SIZE)
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While the block lasts, nobody else looks at the memory."""
        with self._lock:
            if self._shared is None:
                yield
                return
            fcntl.lockf(self._shared, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._shared, fcntl.LOCK_UN)

    def slot(self, key: bytes) -> int:
        """Where the bucket of this key stands, or is to stand: SLOT, from there on. Raises TooManyRates."""
        first = int.from_bytes(key[:4])
        for start in (slot % SLOTS * SLOT.size for slot in range(first, first + SLOTS)):
            if self.memory[start : start + KEY_BYTES] in (key, NOBODY):
                return start
        raise TooManyRates(f"more than {SLOTS} rates since the server has started")


class TokenBucket:
    """Lets `per_s` units a second through, averaged, and BURST_S seconds' worth at once. Safe for threads.

    A call that wants more than a full bucket holds gets it from a full one, and leaves that in debt: so large
    calls are let through as well, and those after them wait the longer.
    """

    def __init__(
        self, per_s: float, key: bytes, levels: Levels, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`key` has KEY_BYTES bytes; the same key is the same bucket. Raises TooManyRates."""
        self._per_s = per_s
        self._full = per_s * BURST_S
        self._key = key
        self._levels = levels
        self._clock = clock
        with levels.held():
            self._slot = levels.slot(key)
            if levels.memory[self._slot : self._slot + KEY_BYTES] == NOBODY:
                self._keep(self._full, clock())

    def take(self, units: float) -> float:
        """0, or the seconds until there is enough in it: then nothing was taken."""
        with self._levels.held():
            now_s = self._clock()
            _, kept, counted_s = SLOT.unpack_from(self._levels.memory, self._slot)
            level: float = min(self._full, kept + (now_s - counted_s) * self._per_s)
            missing = min(units, self._full) - level
            self._keep(level if missing > 0 else level - units, now_s)
        return max(0.0, missing / self._per_s)

    def _keep(self, level: float, now_s: float) -> None:
        SLOT.pack_into(self._levels.memory, self._slot, self._key, level, now_s)


@contextlib.contextmanager
def shared_levels() -> Iterator[int]:
    """A descriptor for Levels, for processes to inherit."""
    descriptor = os.memfd_create("rates")
    try:
        os.truncate(descriptor, SIZE)
        yield descriptor
    finally:
        os.close(descriptor)
