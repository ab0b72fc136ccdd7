"""Files that are read again when they have changed."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from digitserve_serving.transport import TransportError

Content = TypeVar("Content")

log = logging.getLogger(__name__)


class BadFile(TransportError):
    """A file that says who may come in cannot be used; str() says which, and why."""


class WatchedFiles(Generic[Content]):
    """What some files hold, read again when one of them has changed.

    Looks when it is asked, every `every_s` seconds at most, so that nothing runs while nobody calls. Safe
    for threads.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[], Content], *, every_s: float = 0.0) -> None:
        """Raises what `read` raises: BadFile."""
        self._paths = paths
        self._read = read
        self._every_s = every_s
        self._next_s = time.monotonic() + every_s
        self._seen = self._versions()  # before they are read: a change meanwhile is seen next time
        self._content = read()

    def content(self) -> Content:
        """What they hold; where they cannot be used, what they held before."""
        if (now_s := time.monotonic()) >= self._next_s:
            self._next_s = now_s + self._every_s
            if (seen := self._versions()) != self._seen:
                self._seen = seen
                self._read_again()
        return self._content

    def _read_again(self) -> None:
        try:
            self._content = self._read()
        except BadFile as error:
            log.error("%s; what was read before stays in force", error)
        else:
            log.info("read again: %s", ", ".join(map(str, self._paths)))

    def _versions(self) -> list[tuple[int, int, int] | None]:
        return [_version(path) for path in self._paths]


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
