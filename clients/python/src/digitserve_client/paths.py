"""From the paths of a command line to the pictures that they stand for."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
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

    are_files: all of them were seen to be files, no pipes; so that nobody needs to look again.
    """

    pictures: list[str]
    are_files: bool


def pictures_of(paths: Iterable[str]) -> Found:
    """Files as they are named, those of a folder and of the folders in it, and those that match a pattern.

    Folders and patterns give theirs sorted. What does not exist is named as it is, and will be reported.
    """
    found = [_found(path) for path in paths]
    pictures = [picture for some in found for picture in some.pictures]
    return Found(pictures, all(some.are_files for some in found))


def _found(path: str) -> Found:
    if path != STDIN and Path(path).is_dir():
        return _found_in(path)
    if path != STDIN and glob.has_magic(path) and not Path(path).exists():
        matches = sorted(each for each in glob.glob(path, recursive=True) if Path(each).is_file())  # noqa: PTH207  # absolute ones too
        return Found(matches or [path], bool(matches))
    return Found([path], are_files=False)


def _found_in(folder: str) -> Found:
    pictures, are_files = [], True
    for entry in _entries(folder):
        if _is_picture(entry.name):
            pictures.append(entry.path)
            are_files = are_files and entry.is_file(follow_symlinks=False)
    return Found(sorted(pictures), are_files)


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


def listed_paths(file: str) -> list[str]:
    """The paths in a file, or on stdin for -: one on a line, or ended by NUL as by `find -print0`."""
    content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [line.decode(errors="surrogateescape") for line in lines if line]
