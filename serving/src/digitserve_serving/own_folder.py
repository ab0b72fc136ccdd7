"""A folder that is removed when its process ends, or, where that was killed, when the next one starts."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "digitserve-native-"


class OwnFolder:
    """A folder for this process alone, locked for as long as it lives."""

    def __init__(self) -> None:
        """Removes those of processes that were killed. Raises OSError."""
        for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            _remove_if_left(left)
        # It gets the name by which others look for it when it is locked.
        made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}"))
        self._lock = os.open(made, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = made.rename(made.with_name(made.name.removeprefix(".")))

    def remove(self) -> None:
        """Ends it. May be repeated."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _remove_if_left(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is in use, or somebody else's
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock)
