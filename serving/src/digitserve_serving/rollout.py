"""What operators want of a model's versions: rollout.json in its folder of the repository.

It survives restarts, and every process that serves the repository follows it.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

FILE = "rollout.json"
LABEL = "^[a-z][a-z0-9-]{0,62}$"

Version = Annotated[str, Meta(pattern="^[1-9][0-9]*$")]
Label = Annotated[str, Meta(pattern=LABEL)]


class Rollout(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Wishes for one model, beside the policy of the server."""

    default: Version | None = None  # None: the policy chooses
    previous: Version | None = None  # the default before that
    labels: dict[Label, Version] = {}
    loaded: tuple[Version, ...] = ()  # beside those of the policy
    unloaded: tuple[Version, ...] = ()  # none of these
    off: bool = False  # none at all

    def named(self) -> set[str]:
        """Versions that must not be unloaded by themselves: callers or the default refer to them."""
        return {*self.labels.values(), *([self.default] if self.default else [])}

    def why_unloaded(self, name: str, version: str) -> str:
        """Of a version of the model `name`: which wish keeps it unloaded, and how to undo it; "" if none."""
        if not self.off and version not in self.unloaded:
            return ""
        asked = name if self.off else f"{name}/{version}"
        return (
            f"a call has unloaded it for good; `digitserve models load {asked}` loads it again, and so does,"
            f" where admin calls are off, removing {name}/{FILE} from the repository"
        )


Change = Callable[[Rollout], Rollout]


def read_rollout(folder: Path) -> Rollout:
    """The wishes for the model in `folder`. Raises OSError, or ValueError with the place of what is wrong."""
    try:
        content = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return Rollout()
    return msgspec.json.decode(content, type=Rollout)


def change_rollout(folder: Path, change: Change) -> None:
    """Changes the wishes for a model, at once and for good. Raises what `read_rollout` raises."""
    with _locked(folder):
        changed = change(read_rollout(folder))
        content = msgspec.json.format(msgspec.json.encode(changed)) + b"\n"
        with tempfile.NamedTemporaryFile(prefix=".tmp-", dir=folder, delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
                Path(file.name).replace(folder / FILE)
            except BaseException:
                with suppress(OSError):
                    Path(file.name).unlink()
                raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from changing the same file meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
