"""The model repository: a folder for each model, with a numbered folder for each version."""

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from digitserve_training import durable
from digitserve_training.errors import OtherLabels, RepositoryError

ATTEMPTS = 100

Contents = Callable[[int], Mapping[str, bytes]]


def check_writable(folder: Path) -> None:
    """Says before the work, not after it, that nothing can be written. Raises RepositoryError."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not existing.is_dir():
        raise RepositoryError(folder, f"{existing.name} is not a folder")
    try:
        Path(tempfile.mkdtemp(prefix=".tmp-", dir=existing)).rmdir()
    except OSError as error:
        raise RepositoryError(folder, f"cannot write in {existing}: {error.strerror}") from error


def versions(folder: Path) -> list[Path]:
    """All in the folder that has a number for a name, the highest last; none where there is no folder."""
    entries = folder.iterdir() if folder.is_dir() else ()
    numbered = (entry for entry in entries if entry.name.isascii() and entry.name.isdecimal())
    return sorted(numbered, key=lambda entry: int(entry.name))


def next_version(folder: Path) -> int:
    """One more than the highest number that anything in the folder has for a name; 1 if nothing has."""
    return 1 + max((int(version.name) for version in versions(folder)), default=0)


def check_labels(folder: Path, labels: Sequence[str]) -> None:
    """Keeps a model of other classes from taking over from the newest version. Raises OtherLabels."""
    for version in reversed(versions(folder)):
        if found := labels_of(version):
            if found != tuple(labels):
                raise OtherLabels(version, found, labels)
            return


def labels_of(version: Path) -> tuple[str, ...]:
    """The classes that a version reads; none where no manifest tells them, so that no server can load it."""
    try:
        return tuple(json.loads((version / "manifest.json").read_bytes())["labels"])
    except (OSError, ValueError, LookupError, TypeError):
        return ()


def publish(folder: Path, contents: Contents) -> Path:
    """Writes the files that `contents` gives for a version, by name, as the next version; returns its folder.

    They are written to a hidden folder that is renamed when all of it is on the disk: nobody ever sees a part
    of a version. Who comes second to a number takes the next. Raises RepositoryError.
    """
    try:
        for _ in range(ATTEMPTS):
            version = next_version(folder)
            if _write(folder, version, contents(version)):
                return folder / str(version)
    except OSError as error:
        raise RepositoryError(folder, error.strerror or str(error)) from error
    raise RepositoryError(folder, f"others took {ATTEMPTS} version numbers in a row")


def _write(folder: Path, version: int, files: Mapping[str, bytes]) -> bool:
    """Writes one version, or nothing; False when the number has been taken meanwhile."""
    _make_readable_folder(folder)
    temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=folder))
    try:
        for name, content in files.items():
            durable.write_through(temporary / name, content)
        temporary.chmod(0o755)
        durable.sync(temporary)
        return _rename(temporary, folder / str(version))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _make_readable_folder(folder: Path) -> None:
    """The server may run as another user than the job, whatever the job's umask."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)


def _rename(temporary: Path, final: Path) -> bool:
    try:
        temporary.rename(final)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
            return False
        raise
    durable.sync(final.parent)
    return True
