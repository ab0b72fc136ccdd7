"""From the paths of a command line to the pictures that they stand for."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

STDIN = "-"
SUFFIXES = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "bmp", "dib", "tif", "tiff", "webp", "ppm", "pgm", "pbm", "pnm"),
        *("jp2", "avif", "mpo"),
    )
)


class Found(NamedTuple):
    """Pictures by their paths.

    are_files: all of them were seen to be files, no pipes; so that nobody needs to look again. others: what
    else is in the folders, and is not hidden.
    """

    pictures: list[str]
    are_files: bool
    others: Sequence[str] = ()

    def without(self, files: Iterable[Path]) -> "Found":
        """What is none of the files."""
        left_out = {os.path.abspath(file) for file in files}  # noqa: PTH100  # a Path of each would cost
        if not left_out:
            return self
        pictures, others = (
            [each for each in paths if os.path.abspath(each) not in left_out]  # noqa: PTH100
            for paths in (self.pictures, self.others)
        )
        return self._replace(pictures=pictures, others=others)


def pictures_of(paths: Iterable[str]) -> Found:
    """Files as they are named, those of a folder and of the folders in it, and those that match a pattern.

    Folders and patterns give theirs sorted. What does not exist is named as it is, and will be reported.
    """
    found = [_found(path) for path in paths]
    pictures = [picture for some in found for picture in some.pictures]
    others = [other for some in found for other in some.others]
    return Found(pictures, all(some.are_files for some in found), others)


def _found(path: str) -> Found:
    if path != STDIN and Path(path).is_dir():
        return _found_in(path)
    if path != STDIN and glob.has_magic(path) and not Path(path).exists():
        matches = sorted(each for each in glob.glob(path, recursive=True) if Path(each).is_file())  # noqa: PTH207  # absolute ones too
        return Found(matches or [path], bool(matches))
    return Found([path], are_files=False)


def _found_in(folder: str) -> Found:
    pictures, others, are_files = [], [], True
    for entry in _entries(folder):
        if _is_picture(entry.name):
            pictures.append(entry.path)
            are_files = are_files and entry.is_file(follow_symlinks=False)
        elif not entry.name.startswith("."):
            others.append(entry.path)
    return Found(sorted(pictures), are_files, sorted(others))


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """Like `os.walk`, but with what a folder knows of its entries, so that nobody needs to ask again."""
    folders = [folder]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif not (entry.is_symlink() and Path(entry).is_dir()):
                    yield entry


def _is_picture(name: str) -> bool:
    stem, _, suffix = name.rpartition(".")  # a Path would cost more than all the rest
    return suffix.lower() in SUFFIXES and stem.strip(".") != ""


def bytes_of(pictures: Sequence[str]) -> int:
    """How large the first picture is; 0 where it is no file."""
    with suppress(OSError, ValueError):
        return Path(pictures[0]).stat().st_size if pictures else 0
    return 0


def overwritten(pictures: Iterable[str], files: Iterable[Path]) -> str | None:
    """The first of the pictures that is one of the files, which are about to be written."""
    written = {_identity(file) for file in files} - {None}
    return next((picture for picture in pictures if _identity(picture) in written), None) if written else None


def _identity(path: str | Path) -> tuple[int, int] | None:
    """What an existing file is known by, whatever it is called: its device and inode; else None."""
    with suppress(OSError, ValueError):
        status = os.stat(path)  # noqa: PTH116  # as above
        return status.st_dev, status.st_ino
    return None


def listed_paths(file: str) -> list[str]:
    """The paths in a file, or on stdin for -: one on a line, or ended by NUL as by `find -print0`."""
    content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [line.decode(errors="surrogateescape") for line in lines if line]
