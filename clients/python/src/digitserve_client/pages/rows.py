"""The rows in which the parts of a page stand."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitserve_client.pages.parts import Part, bounds_of, boxes_of

APART = 2.0  # of the taller one's height: neighbours in a row are no farther apart
BESIDE, LEVEL = 0.4, 0.45  # of the shorter and of the taller one's height that neighbours share, at least
STRICTLY_LEVEL = 0.65  # LEVEL where two rows may have been taken for one
OVER = 0.5  # of the narrower one's width: parts that share so much of it stand one over the other
BELOW = 0.9  # of the shorter one's height is below the other, at least
ALIKE = 2.1  # the digits of a row differ in height by this factor, at most
# Unless the shorter is a flat zero or five: by the taller's height so high, and from so wide to so wide.
FLAT, BROAD, BROADEST = 0.34, 0.6, 1.2
WITHIN = 0.9  # of a flat one's height that it shares, at least
WHOLE = 0.6  # of the highest part's height: lower ones do not say how high a row is
FRAGMENTS = 3  # a row of at most so many parts may be a fragment of another
# The pieces of one digit are together so many times as high as the higher ones, and at most so wide by that.
HIGHER, WIDER = 1.2, 1.7
BOTH, BROKEN = (0.6, 1.45), 0.2  # of a digit's height: both halves of one together, and the gap between them
MOST_BROKEN = 100  # broken digits on a page: more are texture
TOUCH = 0.25  # of a row's height: parts so near nearly touch
NOBODY = -1  # the owner of parts that are in no row
TALL = 0.55  # of a row's height: lower parts are fragments, dots and dashes


@dataclass(slots=True, eq=False)
class Row:
    """Parts side by side, from the left; `height` is that of the taller ones, in px, found if not given."""

    parts: list[Part]
    height: float = 0.0

    def is_cut(self, first: int, last: int) -> bool:
        """Whether these parts, taken together, were cut off others."""
        if any(part.is_cut for part in (self.parts[first], *self.parts[last + 1 : last + 2])):
            return True
        # The pieces of a part are numbered from the left; a dot may stand between them.
        own = {part.label for part in self.parts[first : last + 1]}
        return any(part.is_cut and part.label - 1 in own and part.label not in own for part in self.parts)

    def pieces_from(self, first: int) -> int:
        """In how many pieces the ink from this part on was cut; 1 if it is whole."""
        cut = itertools.takewhile(lambda part: part.is_cut, self.parts[first + 1 :])
        return 1 + sum(1 for _ in cut)

    def __post_init__(self) -> None:
        self.parts.sort(key=lambda part: part.x)
        if self.height:
            return
        heights = [part.height for part in self.parts]
        self.height = float(np.quantile([each for each in heights if each >= WHOLE * max(heights)], 0.6))


def rows_of(parts: list[Part], usual_height: float) -> list[Row]:
    """The parts in rows; fragments go to the row whose parts they are nearest to."""
    tall = [part for part in parts if part.height >= 0.3 * usual_height]
    if not tall:
        return []
    rows = []
    for row in _linked(tall, LEVEL):
        rows += _linked(row.parts, STRICTLY_LEVEL) if _is_stacked(row) else [row]
    small = [part for part in parts if part.height < 0.3 * usual_height]
    _join_halves(rows, usual_height)
    nearby = _Nearby(rows, small)
    rows = _joined(rows, nearby)
    _join_fragments(rows, small, nearby)
    _join_digits(rows, usual_height)
    return sorted(rows, key=lambda row: min(part.top for part in row.parts))


def _linked(parts: list[Part], level: float) -> list[Row]:
    """Rows of parts that stand beside each other."""
    boxes = boxes_of(parts)
    owner = np.arange(len(parts))
    for index in range(len(parts)):
        joined = np.unique(owner[_beside(boxes, boxes[:, index], level)])
        owner[np.isin(owner, joined)] = joined[0]
    return [Row([parts[index] for index in np.flatnonzero(owner == each)]) for each in np.unique(owner)]


def _beside(boxes: NDArray[np.float32], box: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    """Which of the boxes (4, N) stand beside another, and share so much of the higher one's height."""
    left, top, right, bottom = boxes
    height, own_height = bottom - top, box[3] - box[1]
    gap = np.maximum(left - box[2], box[0] - right)
    shared = np.minimum(bottom, box[3]) - np.maximum(top, box[1])
    higher, lower = np.maximum(height, own_height), np.minimum(height, own_height)
    are = (shared >= BESIDE * lower) & (shared >= level * higher) & (higher <= ALIKE * lower)
    breadth = np.where(height < own_height, right - left, box[2] - box[0])
    flat = (lower >= FLAT * higher) & (shared >= WITHIN * lower)
    flat &= (breadth >= BROAD * higher) & (breadth <= BROADEST * higher)
    return np.asarray((are | flat) & (gap <= APART * higher))


def _is_stacked(row: Row) -> bool:
    """Whether one tall part stands below another: these are two rows, linked by what is between them."""
    left, top, right, bottom = boxes_of([part for part in row.parts if part.height >= WHOLE * row.height])
    width, height = right - left, bottom - top
    shared = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    over = shared >= OVER * np.minimum(width[:, None], width)
    below = top[:, None] >= bottom - (1 - BELOW) * np.minimum(height[:, None], height)
    return bool((over & below).any())


def _join_halves(rows: list[Row], usual_height: float) -> None:
    """Two fragments, one on the other, that are as high as a digit together, go to the row beside them."""
    fragments = [row for row in rows if len(row.parts) <= FRAGMENTS]
    for upper, lower in _halves([bounds_of(row.parts) for row in fragments], usual_height):
        both = fragments[upper].parts + fragments[lower].parts
        rows.remove(fragments[upper])
        rows.remove(fragments[lower])
        beside = _row_beside(both, rows)
        if beside:
            beside.parts += both
        else:
            _, top, _, bottom = bounds_of(both)
            rows.append(Row(both, bottom - top))


def _halves(boxes: list[tuple[int, int, int, int]], usual_height: float) -> list[tuple[int, int]]:
    """Which boxes may be those of an upper and a lower half of a digit; each in one pair at most."""
    left, top, right, bottom = np.array(boxes, np.float32).reshape(-1, 4).T
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    for upper in np.argsort(top, kind="stable").tolist():
        height = bottom - top[upper]
        over = np.minimum(right, right[upper]) - np.maximum(left, left[upper])
        are = (height >= BOTH[0] * usual_height) & (height <= BOTH[1] * usual_height)
        are &= np.abs(top - bottom[upper]) <= BROKEN * usual_height
        are &= over >= OVER * np.minimum(right - left, right[upper] - left[upper])
        lower = next((each for each in np.flatnonzero(are).tolist() if each not in taken | {upper}), None)
        if lower is not None and upper not in taken and len(pairs) < MOST_BROKEN:
            pairs.append((upper, lower))
            taken |= {upper, lower}
    return pairs


def _row_beside(parts: list[Part], rows: list[Row]) -> Row | None:
    """A row with a part beside these that is as high as they are together."""
    owners = [row for row in rows for _ in row.parts]
    if not owners:
        return None
    boxes = boxes_of([part for row in rows for part in row.parts])
    beside = np.flatnonzero(_beside(boxes, np.array(bounds_of(parts), np.float32), STRICTLY_LEVEL))
    return owners[int(beside[0])] if beside.size else None


class _Nearby:
    """Who is near to whom: the boxes of all parts that are in rows, and of those that may come to them."""

    def __init__(self, rows: list[Row], small: list[Part]) -> None:
        self._rows = rows.copy()
        self._numbers = {row: number for number, row in enumerate(rows)}
        self._heights = np.array([row.height for row in rows])
        self._boxes = boxes_of([part for row in rows for part in row.parts] + small)
        owners = np.repeat(np.arange(len(rows)), [len(row.parts) for row in rows])
        self._owners = np.concatenate([owners, np.full(len(small), NOBODY)])
        self._small = len(small)

    def row_near(self, part: Part, least_px: float = 0.0) -> Row | None:
        """The row, higher than that, one of whose parts is nearest to this one, and nearly touches it."""
        left, top, right, bottom = self._boxes
        aside = np.maximum(left - part.right, part.left - right)
        away = np.maximum(np.maximum(aside, np.maximum(top - part.bottom, part.top - bottom)), 0)
        height = self._heights[self._owners]
        near = (away < TOUCH * height) & (part.height < TALL * 1.5 * height)
        near &= (height > least_px) & (self._owners != NOBODY)
        if not near.any():
            return None
        nearest = near & (away == away[near].min())
        return self._rows[int(self._owners[nearest].min())]

    def give(self, row: Row, to: Row) -> None:
        """All parts of a row go to another."""
        self._owners[self._owners == self._numbers[row]] = self._numbers[to]

    def give_small(self, number: int, to: Row) -> None:
        """One of those that were in no row goes to one."""
        self._owners[number - self._small] = self._numbers[to]


def _joined(rows: list[Row], nearby: _Nearby) -> list[Row]:
    """Without those that consist of a fragment of another, as the hat of a five does, and what is on that."""
    fragments = [row for row in rows if len(row.parts) <= FRAGMENTS]
    gone: set[Row] = set()
    joined = True
    while joined:
        joined = False
        for row in fragments:
            near = None if row in gone else _row_of(row, nearby)
            if near is not None:
                near.parts += row.parts
                nearby.give(row, near)
                gone.add(row)
                joined = True
    return [row for row in rows if row not in gone]


def _row_of(fragment: Row, nearby: _Nearby) -> Row | None:
    """The higher row that all parts of the fragment nearly touch."""
    near = [nearby.row_near(part, fragment.height / TALL) for part in fragment.parts]
    return near[0] if near[0] is near[-1] else None


def _join_fragments(rows: list[Row], small: list[Part], nearby: _Nearby) -> None:
    for number, part in enumerate(small):
        row = nearby.row_near(part)
        if row is not None:
            row.parts.append(part)
            nearby.give_small(number, row)
    for row in rows:
        row.parts.sort(key=lambda part: part.x)


def _join_digits(rows: list[Row], usual_height: float) -> None:
    """What are parts of one digit, as a five and its flag, is as high as all of them, and goes to a row."""
    digits = [row for row in rows if 1 < len(row.parts) <= FRAGMENTS and _is_digit(row, usual_height)]
    for row in digits[:MOST_BROKEN]:
        _, top, _, bottom = bounds_of(row.parts)
        row.height = bottom - top
        beside = _row_beside(row.parts, [other for other in rows if other is not row])
        if beside:
            rows.remove(row)
            beside.parts = sorted(beside.parts + row.parts, key=lambda part: part.x)


def _is_digit(row: Row, usual_height: float) -> bool:
    """Whether its parts are lower than a digit, but not all of them together."""
    left, top, right, bottom = bounds_of(row.parts)
    height = bottom - top
    is_high = BOTH[0] * usual_height <= height <= BOTH[1] * usual_height
    return is_high and height >= HIGHER * row.height and right - left <= WIDER * height
