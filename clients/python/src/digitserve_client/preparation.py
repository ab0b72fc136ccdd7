"""Pictures of a pile in MNIST's form, some at a time: what a worker does."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digitserve_client.console import problem_of
from digitserve_client.errors import InvalidImage, UnreadablePicture
from digitserve_client.findings import PictureWarning
from digitserve_client.images import ROW_SHAPE, Images, Rows
from digitserve_client.imaging import NO_DIGIT, prepare
from digitserve_client.imaging.form import have_form
from digitserve_client.pictures import name_of
from digitserve_client.plain_png import plain_file, plain_pngs

TOGETHER = 128  # pictures: of more, each costs a page fault, for malloc gives so much memory back
Source = str | bytes


@dataclass(frozen=True, slots=True)
class Part:
    """Some pictures in MNIST's form, without those that have a problem, which are told by their place."""

    sources: Sequence[Source]
    images: Images
    problems: dict[int, str]
    took_s: float


def prepared(sources: Sequence[Source], *, are_files: bool = False) -> Part:
    """Like `imaging.prepare`, of some pictures; what is wrong with one is told in words.

    are_files: those with a path are known to be files, and no pipes.
    """
    started = time.perf_counter()
    images = np.empty((len(sources), *ROW_SHAPE), np.uint8)
    warnings, problems = {}, {}
    for place in _left_by_ready(sources, images, are_files=are_files):
        try:
            images[place], found = _prepared(sources[place])
        except (InvalidImage, OSError) as error:
            problems[place] = problem_of(error)
            continue
        if found:
            warnings[place - len(problems)] = found
    images = np.delete(images, list(problems), axis=0) if problems else images
    return Part(sources, Images(images, warnings), problems, time.perf_counter() - started)


def _prepared(source: Source) -> tuple[Rows, tuple[PictureWarning, ...]]:
    picture = prepare(source)
    if picture.findings.is_blank:
        raise UnreadablePicture(name_of(source), NO_DIGIT)
    return picture.image, picture.findings.warnings


def _left_by_ready(sources: Sequence[Source], images: Rows, *, are_files: bool) -> list[int]:
    """Puts sources that have MNIST's form already into `images`; returns the places of the others.

    For a pile it pays to take them together, in lots that memory is kept for from one to the next.
    """
    if len(sources) == 1:
        return [0]
    left = np.ones(len(sources), np.bool_)
    for start in range(0, len(sources), TOGETHER):
        some = slice(start, start + TOGETHER)
        places, pixels = plain_pngs([_content(source, is_file=are_files) for source in sources[some]])
        images[some][places], left[some][places] = pixels, ~have_form(pixels)
    return np.flatnonzero(left).tolist()


def _content(source: Source, *, is_file: bool) -> bytes:
    try:
        return plain_file(source, is_file=is_file) if isinstance(source, str) else source
    except OSError:  # which `prepare` meets again, and tells
        return b""
