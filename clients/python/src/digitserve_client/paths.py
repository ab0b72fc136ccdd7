"""From the paths of a command line to the pictures that they stand for."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

STDIN = "-"
SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("png", "jpg", "jpeg", "gif", "bmp", "dib", "tif", "tiff", "webp", "ppm", "pgm", "pbm", "pnm"),
        *("jp2", "avif", "mpo"),
    )
)


def pictures_of(paths: Iterable[str]) -> Iterator[str]:
    """Files as they are named, those of a folder and of the folders in it, and those that match a pattern.

    Folders and patterns give theirs sorted. What does not exist is named as it is, and will be reported.
    """
    for path in paths:
        if path == STDIN:
            yield path
        elif Path(path).is_dir():
            yield from sorted(_pictures_in(path))
        elif glob.has_magic(path) and not Path(path).exists():
            matches = sorted(each for each in glob.glob(path, recursive=True) if Path(each).is_file())  # noqa: PTH207  # absolute ones too
            yield from matches or [path]
        else:
            yield path


def _pictures_in(folder: str) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (os.path.join(place, name) for name in names if _is_picture(name))  # noqa: PTH118  # fast


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122  # as above


def listed_paths(file: str) -> list[str]:
    """The paths in a file, or on stdin for -: one on a line, or ended by NUL as by `find -print0`."""
    content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    lines = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [line.decode(errors="surrogateescape") for line in lines if line]
