"""From the digits of rows to strings in reading order; what is no number is left out."""

import itertools

import numpy as np

from digitserve_client.imaging.grey import Mask
from digitserve_client.pages.parts import Row
from digitserve_client.pages.paths import Found

SURE = 0.5  # less sure digits are none
NEAR = 0.75  # of the row's height: digits of a string are nearer to each other
COMB = 2.3  # the same, if printed lines stand between each two
WORD = 0.5  # of the row's height: the letters of a word are nearer
TALL = 0.5  # of the row's height: lower parts are dots, dashes and specks
OF_A_WORD = 0.5  # of the larger parts of a word are digits at least, or it is text


def numbers(row: Row, path: list[Found], marks: Mask) -> list[list[Found]]:
    """The strings of digits in one row."""
    digits = [found for found in path if found.answer.confidence >= SURE]
    digits = [found for word in _words(row, digits) for found in word]
    return _strings(row, digits, marks)


def _words(row: Row, digits: list[Found]) -> list[list[Found]]:
    """The digits of those words that are numbers."""
    owner = {index: found for found in digits for index in range(found.guess.first, found.guess.last + 1)}
    words: list[list[int]] = []
    end = -np.inf
    for index, part in enumerate(row.parts):
        if index not in owner and part.height < TALL * row.height:
            continue
        if not words or part.left - end > WORD * row.height:
            words.append([])
        words[-1].append(index)
        end = max(end, part.right)
    kept = []
    for word in words:
        inside = list(dict.fromkeys(owner[index] for index in word if index in owner))
        others = sum(index not in owner for index in word)
        if inside and others < OF_A_WORD * (len(inside) + others):
            kept.append(inside)
    return kept


def _strings(row: Row, digits: list[Found], marks: Mask) -> list[list[Found]]:
    """Near digits are a string; so are digits in boxes, if each box holds one."""
    if not digits:
        return []
    cells: list[list[Found]] = [[digits[0]]]
    boxed: list[bool] = []  # whether a printed line, but no wide gap, is between a cell and the next
    for one, other in itertools.pairwise(digits):
        gap = other.guess.left - one.guess.right
        is_marked = _is_marked(one, other, row.height, marks)
        if gap <= NEAR * row.height and not is_marked:
            cells[-1].append(other)
        else:
            boxed.append(is_marked and gap <= COMB * row.height)
            cells.append([other])
    strings = [cells[0]]
    for (before, after), is_boxed in zip(itertools.pairwise(cells), boxed, strict=True):
        if is_boxed and len(before) == len(after) == 1:
            strings[-1] = strings[-1] + after
        else:
            strings.append(after)
    return strings


def _is_marked(one: Found, other: Found, height: float, marks: Mask) -> bool:
    """Whether a printed line stands between two digits."""
    top = min(one.guess.top, other.guess.top)
    bottom = max(one.guess.bottom, other.guess.bottom) + round(0.2 * height)
    inner = round(0.25 * height)
    left, right = one.guess.right - inner // 2, other.guess.left + inner // 2
    between = marks[max(0, top) : bottom, max(0, left) : max(0, right)]
    return bool(between.size and between.any(axis=1).sum() >= inner)


def in_reading_order(strings: list[list[Found]]) -> list[list[Found]]:
    """Line by line from the top, each from the left."""
    lines: list[list[list[Found]]] = []
    for string in sorted(strings, key=lambda each: _span(each)[0] + _span(each)[1]):
        top, bottom = _span(string)
        middle = (top + bottom) / 2
        if lines:
            spans = [_span(other) for other in lines[-1]]
            if any(above <= middle <= below for above, below in spans):
                lines[-1].append(string)
                continue
        lines.append([string])
    return [string for line in lines for string in sorted(line, key=lambda each: each[0].guess.left)]


def _span(string: list[Found]) -> tuple[int, int]:
    return min(found.guess.top for found in string), max(found.guess.bottom for found in string)
