"""Files that are there as a whole or not at all, whenever the process or the machine stops."""

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt


def write(file: Path, content: bytes) -> None:
    """Writes the file under another name and renames it: a reader finds the old content or the new."""
    descriptor, temporary = tempfile.mkstemp(prefix=".tmp-", dir=file.parent)
    os.close(descriptor)
    try:
        write_through(Path(temporary), content)
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)
    sync(file.parent)


def write_array(file: Path, array: npt.ArrayLike) -> None:
    """`write` for an .npy file, which need not fit into the memory twice."""
    temporary = file.with_name(f".tmp-{file.name}")
    np.save(temporary, array, allow_pickle=False)
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(file)
    sync(file.parent)


def write_through(file: Path, content: bytes) -> None:
    """Writes a file that others may read, and returns when it is on the disk."""
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    file.chmod(0o644)


def sync(folder: Path) -> None:
    """Makes the folder's entries as lasting as the files' content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
