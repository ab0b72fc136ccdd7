"""Pictures of a pile in MNIST's form, some at a time: what a worker does."""

import contextlib
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
from digitserve_client.plain_png import plain_png_file

Source = str | bytes
Prepared = tuple[Rows, tuple[PictureWarning, ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """Some pictures in MNIST's form, without those that have a problem, which are told by their place."""

    sources: Sequence[Source]
    images: Images
    problems: dict[int, str]


def prepared(sources: Sequence[Source]) -> Part:
    """Like `imaging.prepare`, of some pictures; what is wrong with one is told in words."""
    ready = _ready(sources)
    rows: list[Rows] = []
    warnings, problems = {}, {}
    for place, source in enumerate(sources):
        try:
            row, found = ready[place] if place in ready else _prepared(source)
        except (InvalidImage, OSError) as error:
            problems[place] = problem_of(error)
            continue
        if found:
            warnings[len(rows)] = found
        rows.append(row)
    images = np.stack(rows) if rows else np.empty((0, *ROW_SHAPE), np.uint8)
    return Part(sources, Images(images, warnings), problems)


def _prepared(source: Source) -> Prepared:
    picture = prepare(source)
    if picture.findings.is_blank:
        raise UnreadablePicture(name_of(source), NO_DIGIT)
    return picture.image, picture.findings.warnings


def _ready(sources: Sequence[Source]) -> dict[int, Prepared]:
    """Those that have the form already, by their place: for a pile of them it pays to check them together."""
    small: dict[int, Rows] = {}
    for place, source in enumerate(sources):
        with contextlib.suppress(OSError):  # which `prepare` meets again, and tells
            pixels = plain_png_file(source) if isinstance(source, str) else None
            if pixels is not None and pixels.shape == ROW_SHAPE:
                small[place] = pixels
    if not small:
        return {}
    fits = have_form(np.stack(list(small.values()))).tolist()
    return {place: (row, ()) for (place, row), fit in zip(small.items(), fits, strict=True) if fit}
