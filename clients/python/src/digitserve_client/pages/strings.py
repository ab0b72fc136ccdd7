"""From the digits of rows to strings in reading order; what is no number is left out."""

import itertools
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from digitserve_client.imaging.grey import Mask
from digitserve_client.pages.guesses import GAP, Guess, distance
from digitserve_client.pages.parts import Part
from digitserve_client.pages.paths import Found
from digitserve_client.pages.rows import Row

NOTHING = 0.1  # the confidence of a model that has no idea: there are ten digits
LEAST = 0.25  # digits read with less confidence are left out, unless sure ones surround them
UNSURE = 0.6  # of the row's height: those that are kept for that are at least so high; a bracket is lower
LIKELY, CERTAIN = 0.5, 0.95  # how sure a word must be on average to be a number, and to be one among text
LIKELY_IF_CUT = 0.85  # LIKELY where all of its digits were cut off each other
SMALL = 0.6  # of the height of the page's larger digits: a lone one that is lower is a letter
FEW_CUT = 2  # in rows so low, a word of more digits than that, all of them cut off each other, is letters
LONG = 1.3  # a slash is so many times as high as the digits on both sides
SLENDER = 0.4  # the width, by its height, of a slash, a bracket, or what is left of a line, at most
TEXT = 0.4  # a row is text if fewer of its larger parts are likely digits
NUMBERS, FEW = 0.8, 3  # if more of at least so many parts are likely digits, all of them may be
LIKELY_IN_NUMBERS = 0.15  # LIKELY in such a row
NEAR, PITCH = 0.75, 1.35  # of the row's height: the gaps in a string, or from middle to middle, at most
COMB = 2.3  # NEAR where a printed line stands in the gap
IN_BOX = 1.35  # digits in a box on average; if there are more, it is a table
HIGHER, WRITTEN = 1.4, 0.85  # words so much higher than most parts, and nearly all digits, are a pen's
WORD = 0.5  # of the row's height: the letters of a word are nearer
LOWERCASE = 0.25  # of the row's height: a letter beside a number is no lower
LETTER = 0.7  # of the row's height: the width of a letter, where several hang together
TALL = 0.5  # of the row's height: lower parts are dots, dashes and specks
FLAT, BROAD = 0.25, 0.8  # unless they are so high and wide: letters that hang together


def numbers(row: Row, path: list[Found], marks: Mask, usual_height: float) -> list[list[Found]]:
    """The strings of digits in one row; the height is that of the page's larger digits, in px."""
    digits = [
        found
        for place, found in enumerate(path)
        if found.answer.confidence >= LEAST or _is_surrounded(row, path, place, marks)
    ]
    owner = _owners(digits)
    digits = [found for found in digits if not _is_bracket(row, found, owner)]
    owner = _owners(digits)
    words = [_Word.of(row, word, owner) for word in _words(row, owner)]
    if row.height < SMALL * usual_height:
        words = [word for word in words if word.cut <= FEW_CUT or word.cut < len(word.digits)]
    share, parts = _share(words)
    least = LIKELY_IN_NUMBERS if share > NUMBERS and parts >= FEW else LIKELY
    in_text = share < TEXT
    written = _written(row, words) if in_text else []
    numbers = [
        found
        for word in words
        if word.is_number(least, in_text=in_text and word not in written)
        for found in word.digits
    ]
    strings = _strings(row, _without_slashes(row, numbers, marks), marks)
    return [string for string in strings if len(string) > 1 or _stands_alone(string[0], usual_height, share)]


def _share(words: list["_Word"]) -> tuple[float, int]:
    """Of the parts of words, which are likely digits; and how many parts they have."""
    parts = sum(word.others + len(word.digits) for word in words)
    return sum(map(_Word.likely, words)) / max(parts, 1), parts


def _written(row: Row, words: list["_Word"]) -> list["_Word"]:
    """What a pen wrote among print: words far higher than most letters, and nearly all of them digits."""
    least = HIGHER * float(np.median([part.height for part in row.parts]))
    higher = [word for word in words if word.digits and not word.cut and word.height() > least]
    share, _ = _share(higher)
    return higher if share >= WRITTEN else []


def _owners(digits: list[Found]) -> dict[int, Found]:
    """Of each part of a digit, by its index."""
    return {index: found for found in digits for index in range(found.guess.first, found.guess.last + 1)}


def _is_bracket(row: Row, found: Found, owner: dict[int, Found]) -> bool:
    """Whether it is low, slender and close to a letter, as a bracket is beside the word before a number."""
    is_low = found.guess.height < UNSURE * row.height
    if not is_low or found.guess.width > SLENDER * found.guess.height:
        return False
    first, last = found.guess.first, found.guess.last
    beside = [index for index in (first - 1, last + 1) if 0 <= index < len(row.parts) and index not in owner]
    return any(
        part.height >= LOWERCASE * row.height and distance(found.guess, part) <= GAP * row.height
        for part in (row.parts[index] for index in beside)
    )


def _is_surrounded(row: Row, path: list[Found], place: int, marks: Mask) -> bool:
    """Whether sure digits on both sides, or one in the next box, say that this must be a digit as well."""
    found = path[place]
    before, after = path[max(0, place - 1) : place], path[place + 1 : place + 2]
    links = [_link(one, found, row.height, marks) for one in before if one.answer.confidence >= CERTAIN]
    links += [_link(found, one, row.height, marks) for one in after if one.answer.confidence >= CERTAIN]
    is_large = found.guess.height >= UNSURE * row.height
    return is_large and (_Link.BOX in links or links == [_Link.STRING, _Link.STRING])


def _stands_alone(found: Found, usual_height: float, share: float) -> bool:
    """Whether one digit is a string: a small one only among digits, where it is no rest of a line either."""
    guess = found.guess
    is_sure = found.answer.confidence >= CERTAIN and guess.width > SLENDER * guess.height
    return guess.height > SMALL * usual_height or (share > NUMBERS and is_sure)


def _words(row: Row, owner: dict[int, Found]) -> list[list[int]]:
    """What stands close together: the indices of its parts, without dots and specks."""
    words: list[list[int]] = []
    end = -np.inf
    for index, part in enumerate(row.parts):
        is_large = part.height >= TALL * row.height or (
            part.height >= FLAT * row.height and part.width >= BROAD * row.height
        )
        if index not in owner and not is_large:
            continue
        if not words or part.left - end > WORD * row.height:
            words.append([])
        words[-1].append(index)
        end = max(end, part.right)
    return words


@dataclass(frozen=True, slots=True)
class _Word:
    """Digits close together, how many of them were cut off each other, and how many parts are no digits."""

    digits: list[Found]
    cut: int
    others: int

    @classmethod
    def of(cls, row: Row, word: list[int], owner: dict[int, Found]) -> "_Word":
        digits = list(dict.fromkeys(owner[index] for index in word if index in owner))
        cut = sum(row.is_cut(found.guess.first, found.guess.last) for found in digits)
        others = _widths([row.parts[index] for index in word if index not in owner])
        return cls(digits, cut, sum(max(1, round(width / (LETTER * row.height))) for width in others))

    def likely(self) -> float:
        """How many digits there are, if the model gives each class a tenth where it sees none."""
        return sum((found.answer.confidence - NOTHING) / (1 - NOTHING) for found in self.digits)

    def height(self) -> float:
        """Of the lowest digit, in px."""
        return min(found.guess.height for found in self.digits)

    def is_number(self, least: float, *, in_text: bool) -> bool:
        if not self.digits:
            return False
        share = self.likely() / (len(self.digits) + self.others)
        if in_text:
            return share >= CERTAIN and not self.cut and len(self.digits) >= FEW
        all_cut = self.cut == len(self.digits)
        return share >= (LIKELY_IF_CUT if all_cut and (least == LIKELY or self.cut > 2) else least)


def _widths(parts: list[Part]) -> list[int]:
    """How wide they are, with what was cut off them."""
    widths: list[int] = []
    for part in parts:
        if part.is_cut and widths:
            widths[-1] += part.width
        else:
            widths.append(part.width)
    return widths


def _without_slashes(row: Row, digits: list[Found], marks: Mask) -> list[Found]:
    """The digits without the slashes between them, which the model takes for ones."""
    threes = zip(digits, digits[1:], digits[2:], strict=False)
    slashes = {
        found
        for one, found, other in threes
        if _is_slash(found.guess, (one.guess, other.guess))
        and _link(one, found, row.height, marks) is _link(found, other, row.height, marks) is _Link.STRING
    }
    return [found for found in digits if found not in slashes]


def _is_slash(guess: Guess, sides: tuple[Guess, Guess]) -> bool:
    """Whether it is slender, and reaches above and below the digits on both sides."""
    is_long = guess.height > max(LONG * max(side.height for side in sides), guess.width / SLENDER)
    return is_long and all(guess.top < side.top and guess.bottom > side.bottom for side in sides)


def _strings(row: Row, digits: list[Found], marks: Mask) -> list[list[Found]]:
    """Near digits are a string; so are digits in boxes, if most boxes hold one."""
    strings: list[list[Found]] = []
    for run in _runs(row, digits, marks):
        is_comb = sum(map(len, run)) <= IN_BOX * len(run)
        strings += [list(itertools.chain.from_iterable(run))] if is_comb else run
    return strings


def _runs(row: Row, digits: list[Found], marks: Mask) -> list[list[list[Found]]]:
    """The digits in cells, which end at printed lines; and those in runs, which end at wide gaps."""
    runs: list[list[list[Found]]] = []
    for one, other in itertools.pairwise([None, *digits]):
        if other is None:
            continue
        if one is None:
            runs.append([[other]])
            continue
        link = _link(one, other, row.height, marks)
        if link is _Link.BOX:
            runs[-1].append([other])
        elif link is _Link.STRING:
            runs[-1][-1].append(other)
        else:
            runs.append([[other]])
    return runs


class _Link(Enum):
    """How two digits of a row stand: side by side, in neighbouring boxes, or far from each other."""

    STRING, BOX, NONE = auto(), auto(), auto()


def _link(one: Found, other: Found, height: float, marks: Mask) -> _Link:
    gap = (other.guess.left - one.guess.right) / height
    pitch = (other.guess.left + other.guess.right - one.guess.left - one.guess.right) / (2 * height)
    if _is_marked(one, other, height, marks):
        return _Link.BOX if gap <= COMB else _Link.NONE
    return _Link.STRING if gap <= NEAR or pitch <= PITCH else _Link.NONE


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
