"""Reads a page in steps: each asks what some images show, and goes on with the answers.

So the synchronous and the asyncio client share all of it but the asking.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from digitserve_client.images import PictureOrArray
from digitserve_client.page import DigitString, Page, PageDigit, Quad
from digitserve_client.pages.cuts import pieces_of
from digitserve_client.pages.guesses import Guess, drawn, guesses_of
from digitserve_client.pages.heights import far_larger_height, usual_height, usual_height_on_lines
from digitserve_client.pages.parts import Part, parts_of
from digitserve_client.pages.paths import Answer, Found, best_path
from digitserve_client.pages.pen import Stroke, handwritten, stroke_of
from digitserve_client.pages.rows import Row, rows_of
from digitserve_client.pages.rules import Cleared, cleared
from digitserve_client.pages.sheet import Sheet, sheet_of
from digitserve_client.pages.strings import in_reading_order, numbers
from digitserve_client.pictures import in_memory, picture_size, read_picture
from digitserve_client.results import Classifications

READ_SIDE_PX = 2500  # larger pictures are halved, or more
NO_DIGIT = 0.3  # confidence: a part that is read with less may be several digits
HALF = 0.55  # of the row's height: smaller parts are not cut, and tell nothing of text
LARGE = 0.5  # of the page's usual height: lower parts are more often text than digits that touch
MOST_CUT = 120  # parts of a page that are cut
WIDE = 1.25  # of the row's height: so may be what is wider
FEW = 3  # parts of a row may all be touching digits
SURE, TEXT = 0.9, 0.4  # a row of more parts is text, if fewer of them are read with such a confidence
LIKE_LETTERS, TEXT_OF_LETTERS = {0, 1}, 0.5  # what o, i and l are read as; TEXT where nothing else is read


@dataclass(frozen=True, slots=True)
class Question:
    """What do these images show? (N, 28, 28) uint8; `answered` goes on."""

    images: NDArray[np.uint8]
    answered: Callable[[Classifications], "Question | Page"]


@dataclass(slots=True, eq=False)
class _Written:
    """The strings that have been found, the strokes of their digits, and which model has read them."""

    strings: list[list[Found]] = field(default_factory=list)
    strokes: dict[Found, Stroke] = field(default_factory=dict)
    model: tuple[str, str] = ("", "")

    def covers(self, part: Part) -> bool:
        """Whether it belongs to one of these digits."""
        y = (part.top + part.bottom) / 2
        boxes = (found.guess for found in self.strokes)
        return any(box.left <= part.x <= box.right and box.top <= y <= box.bottom for box in boxes)


@dataclass(slots=True, eq=False)
class _Reading:
    """A page between two questions. height: of its larger digits, in px. cuts: parts that have been cut.

    usual: the height before the page was cleared. written: what was found at a larger scale. is_last: this is
    the page's own scale.
    """

    size_px: tuple[int, int]
    sheet: Sheet
    usual: float
    clean: Cleared
    labels: NDArray[np.int32]
    rows: list[Row]
    height: float
    written: _Written
    is_last: bool
    cuts: int = 0


def start(picture: PictureOrArray) -> Question | Page:
    """The first step. Raises UnreadablePicture, and OSError for a file that cannot be opened."""
    picture = in_memory(picture)
    size_px = picture_size(picture)
    pixels = read_picture(picture, READ_SIDE_PX)
    sheet = sheet_of(pixels, max(pixels.shape[:2]) / max(size_px))
    usual = usual_height_on_lines(sheet.ink)
    return _begin(size_px, sheet, usual, far_larger_height(sheet.ink, usual), _Written())


def _begin(
    size_px: tuple[int, int], sheet: Sheet, usual: float, larger: float, written: _Written
) -> Question | Page:
    """Reads what is far larger than the usual height, if there is such a height, and then the rest."""
    clean = cleared(sheet, larger or usual, is_far_larger=larger > 0)
    height = larger or usual_height(clean.ink)
    labels, parts = parts_of(clean.ink, height)
    rows = rows_of([part for part in parts if not written.covers(part)], height)
    reading = _Reading(size_px, sheet, usual, clean, labels, rows, height, written, is_last=not larger)
    guesses = [guesses_of(row, height) for row in rows]
    return _ask(reading, rows, guesses, lambda answers: _cut(reading, guesses, answers))


def _ask(
    reading: _Reading,
    rows: list[Row],
    guesses: list[list[Guess]],
    go_on: Callable[[list[list[Answer]]], "Question | Page"],
) -> Question | Page:
    images = [
        drawn(reading.clean.contrast, reading.labels, reading.sheet.threshold, row, guess)
        for row, some in zip(rows, guesses, strict=True)
        for guess in some
    ]
    if not images:
        return go_on([])

    def answered(answers: Classifications) -> Question | Page:
        reading.written.model = str(answers.model_names[0]), str(answers.model_versions[0])
        each = iter([Answer(a.digit, a.label, a.confidence, a.needs_review) for a in answers])
        return go_on([[next(each) for _ in some] for some in guesses])

    return Question(np.stack(images), answered)


def _cut(reading: _Reading, guesses: list[list[Guess]], answers: list[list[Answer]]) -> Question | Page:
    """Asks again for the rows where digits may touch."""
    paths = [best_path(*each) for each in zip(reading.rows, guesses, answers, strict=True)]
    changed = []
    for index, row in enumerate(reading.rows):
        parts = (
            row.parts
            if _is_text(row, paths[index])
            else _pieces(reading, row, guesses[index], answers[index])
        )
        if len(parts) > len(row.parts):
            reading.rows[index] = Row(parts, row.height)
            changed.append(index)
    rows = [reading.rows[index] for index in changed]
    again = [guesses_of(row, reading.height) for row in rows]

    def finish(more: list[list[Answer]]) -> Question | Page:
        for index, some, said in zip(changed, again, more, strict=False):
            paths[index] = best_path(reading.rows[index], some, said)
        return _page(reading, paths)

    return _ask(reading, rows, again, finish)


def _is_text(row: Row, path: list[Found]) -> bool:
    """Whether most of many larger parts are no digits: letters would fall apart into digits."""
    large = sum(part.height >= HALF * row.height for part in row.parts)
    sure = [found.answer.digit for found in path if found.answer.confidence >= SURE]
    least = TEXT if set(sure) - LIKE_LETTERS else TEXT_OF_LETTERS
    return large > FEW and len(sure) < least * large


def _pieces(reading: _Reading, row: Row, guesses: list[Guess], answers: list[Answer]) -> list[Part]:
    """The parts of a row, those that may be several digits cut apart."""
    least = max(HALF * row.height, LARGE * reading.height)
    likely = {
        guess.first: answer.confidence
        for guess, answer in zip(guesses, answers, strict=True)
        if guess.first == guess.last
    }
    pieces: list[Part] = []
    for number, part in enumerate(row.parts):
        is_large = part.height >= least and part.width >= HALF * row.height
        is_odd = likely[number] < NO_DIGIT or part.width > WIDE * row.height
        if is_large and is_odd and reading.cuts < MOST_CUT:
            free = int(reading.labels.max()) + 1
            pieces += pieces_of(part, reading.labels, reading.clean.contrast, row.height, free)
            reading.cuts += 1
        else:
            pieces.append(part)
    return pieces


def _page(reading: _Reading, paths: list[list[Found]]) -> Question | Page:
    written = reading.written
    for row, path in zip(reading.rows, paths, strict=True):
        for string in numbers(row, path, reading.clean.marks, reading.height):
            written.strings.append(string)
            for found in string:
                written.strokes[found] = stroke_of(row, found, reading.labels, reading.clean.contrast)
    if not reading.is_last:
        return _begin(reading.size_px, reading.sheet, reading.usual, 0.0, written)
    strings = handwritten(written.strings, written.strokes, reading.height)
    height_px, width_px = reading.size_px
    name, version = written.model
    return Page(
        strings=tuple(_string(reading.sheet, string) for string in in_reading_order(strings)),
        width_px=width_px,
        height_px=height_px,
        model_name=name,
        model_version=version,
    )


def _string(sheet: Sheet, string: list[Found]) -> DigitString:
    digits = tuple(_digit(sheet, found) for found in string)
    return DigitString(
        text="".join(digit.label for digit in digits),
        digits=digits,
        confidence=math.prod(digit.confidence for digit in digits),
        needs_review=any(digit.needs_review for digit in digits),
        box=_quad(sheet, [found.guess for found in string]),
    )


def _digit(sheet: Sheet, found: Found) -> PageDigit:
    answer = found.answer
    return PageDigit(
        digit=answer.digit,
        label=answer.label,
        confidence=answer.confidence,
        needs_review=answer.needs_review or found.is_composed,
        box=_quad(sheet, [found.guess]),
    )


def _quad(sheet: Sheet, guesses: list[Guess]) -> Quad:
    return sheet.quad(
        min(guess.left for guess in guesses),
        min(guess.top for guess in guesses),
        max(guess.right for guess in guesses),
        max(guess.bottom for guess in guesses),
    )
