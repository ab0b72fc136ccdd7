"""Chooses the guesses that explain a row best, given what the model says of each."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from digitserve_client.pages.guesses import GAP, Guess, distance
from digitserve_client.pages.parts import Part
from digitserve_client.pages.rows import Row

# Costs are in nats, as the logarithms of the confidences.
MORE_DIGITS = 0.15  # what each digit costs: without it, some digits would fall apart into others
LEFT_OUT = 2.6  # what leaving out a part as large as a digit costs; a smaller one, by the square of its size
LOWEST, WIDE = 0.45, 1.1  # of the row's height: no digit is lower; few are wider
FLAT, BROAD = 0.36, 0.6  # unless it is so high and wide: a two, or a five, of one long stroke
WIDER = 4.0  # what it costs to be wider, for each height of the row
LOW = 0.75  # of the row's height: lower ink beside other ink is rather a stroke of the same digit
LOWER = 3.0  # what it costs to take it alone, for each height of the row by which it is lower
CUT = 1.0  # what each cut between two digits costs: few digits touch
PARTIAL = 1.5  # what it costs to take a part of a digit for all of it
LEAST = 1e-3  # a lower confidence counts as this
STROKE, INTO = 0.25, 0.15  # of the row's height: a stroke's own, and how far it reaches into the rest
OVER = 0.6  # of the narrower one's width: a stroke above or below a digit shares more of it
SPECK = 0.1  # of the ink of a digit's largest part: what has less is no stroke


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of a guess."""

    digit: int
    label: str
    confidence: float
    needs_review: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A guess that was chosen, what it shows, and whether it was cut from others or joined from strokes."""

    guess: Guess
    answer: Answer
    is_composed: bool


_Step: TypeAlias = tuple[float, int, Found | None]
"""The score so far, the number of parts before, and the digit made of the rest; None if that is left out."""


def best_path(row: Row, guesses: list[Guess], answers: list[Answer]) -> list[Found]:
    """The digits of a row, from the left: those whose confidences, after costs, have the largest product.

    Found by dynamic programming over the ends of parts, as in Viterbi's algorithm (1967).
    """
    count = len(row.parts)
    best: list[_Step] = [(0.0, 0, None)]
    ending: list[list[Found]] = [[] for _ in range(count + 1)]
    for guess, answer in zip(guesses, answers, strict=True):
        if _is_high(guess, row):
            ending[guess.last + 1].append(Found(guess, answer, _is_composed(row, guess)))
    for end in range(1, count + 1):
        choices: list[_Step] = [(best[end - 1][0] - _loss(row, end - 1), end - 1, None)]
        choices += [
            (best[found.guess.first][0] + _gain(found, row), found.guess.first, found)
            for found in ending[end]
        ]
        best.append(max(choices, key=lambda choice: choice[0]))
    return _followed(best)


def _is_high(guess: Guess, row: Row) -> bool:
    """Whether a digit may be so low."""
    is_flat = guess.height >= FLAT * row.height and guess.width >= BROAD * row.height
    return guess.height >= LOWEST * row.height or (is_flat and not row.is_cut(guess.first, guess.last))


def _is_partial(row: Row, guess: Guess) -> bool:
    """Whether a stroke stands above or below that must be the rest of this digit."""
    return any(
        part.height >= STROKE * row.height
        and min(part.right, guess.right) - max(part.left, guess.left) > OVER * min(part.width, guess.width)
        for part in _neighbours(row, guess.first, guess.last)
        if part.top >= guess.bottom - INTO * row.height or part.bottom <= guess.top + INTO * row.height
    )


def _neighbours(row: Row, first: int, last: int) -> list[Part]:
    return row.parts[max(0, first - 1) : first] + row.parts[last + 1 : last + 2]


def _low(box: Guess | Part, neighbours: list[Part], height: float) -> float:
    """What it costs to take low ink for a digit, or for none, if it may rather belong to its neighbour."""
    low = LOW - box.height / height
    if not 0 < low <= LOW - LOWEST:
        return 0.0
    is_near = any(distance(box, part) <= GAP * height for part in neighbours)
    return LOWER * low if is_near else 0.0


def _is_composed(row: Row, guess: Guess) -> bool:
    parts = row.parts[guess.first : guess.last + 1]
    largest = max(parts, key=lambda part: part.area)
    is_joined = any(SPECK * largest.area < part.area < largest.area for part in parts)
    return is_joined or row.is_cut(guess.first, guess.last)


def _gain(found: Found, row: Row) -> float:
    too_wide = max(0.0, found.guess.width / row.height - WIDE)
    partial = PARTIAL if _is_partial(row, found.guess) else 0.0
    cut = CUT if row.parts[found.guess.first].is_cut else 0.0
    low = _low(found.guess, _neighbours(row, found.guess.first, found.guess.last), row.height)
    costs = MORE_DIGITS + cut + WIDER * too_wide + low + partial
    return math.log(max(found.answer.confidence, LEAST)) - costs


def _loss(row: Row, index: int) -> float:
    part = row.parts[index]
    size = min(1.0, max(part.width, part.height) / row.height)
    low = _low(part, _neighbours(row, index, index), row.height)
    # A piece costs more: what hangs together with a digit is seldom nothing.
    return LEFT_OUT * (size if part.is_cut else size**2) + low


def _followed(best: list[_Step]) -> list[Found]:
    path, end = [], len(best) - 1
    while end:
        _, start, found = best[end]
        if found is not None:
            path.append(found)
        end = start
    return path[::-1]
