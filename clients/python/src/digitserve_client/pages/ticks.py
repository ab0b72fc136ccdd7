"""The short lines that stand on a rule: the ticks of a comb, and what is left of the sides of boxes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Mask, connected, grown, opened
from digitserve_client.pages.rule import MUCH_DARKER, Rule
from digitserve_client.pages.sheet import Contrast

SLENDER, FULL = 0.34, 0.4  # width by height at most, ink by box at least
NARROW_PX, THICKER = 5, 1.6  # in px, or in thicknesses of rules: a short line may be so wide all the same
HIGHEST, SIDE = 4.0, 0.9  # of a digit's height: ticks and sides are no higher, and sides at least so high
LOWEST = 0.2  # of a digit's height: lower ticks may be what is left of strokes, so no more are sought
REACH_PX = 4  # what is so near to a rule stands on it
END = 0.05  # of a side's height: its ends are nearer to rules
BOLDER = 1.5  # times as thick as rules: a bolder side is a one that a pen drew on it
ALIKE, ALIKE_PX, WIDER_PX = 0.05, 2, 2  # ticks of a comb differ so little in height and width
LEANING = 0.1  # of its height: so much wider is a tick that leans
TICKS = 3  # of one height: fewer may be ones
FEW, HIGH = 6, 0.65  # fewer, of so much of a digit's height, may be ones as well
UNEVEN, UNEVEN_PX = 0.06, 2  # of a step, or in px: print is never farther from multiples of one step
EVEN = 0.85  # of its height, at least, a side is between half and twice as bold as most of it
STANDS_PX = 3  # a tick that touches a digit comes so near to the rule
OFF_STEP = 0.15  # of a step: and so near to whole steps from the others
FOOT, SOLID = 0.45, 0.8  # the lowest share of a tick that touches nothing else; how much of that is ink


def ticks_of(
    ink: Mask, contrast: Contrast, taken: Mask, level: Mask, rules: list[Rule], *, height: float
) -> Mask:
    """The ink of ticks and sides; `taken` is that of rules, and `level` 1 where they run across."""
    labels, stats = connected(ink)
    chosen = np.zeros(len(stats), np.uint8)
    thickness = max((rule.thickness for rule in rules), default=1.0)
    some = _slender(labels, stats, taken & grown(level, (2 * REACH_PX - 1, 1)), height, thickness)
    sides = some[_both_ends_meet(some, stats, level) & (stats[some, 3] >= SIDE * height)]
    sides = sides[stats[sides, 4] <= (BOLDER * thickness + 1) * stats[sides, 3]]
    chosen[sides[_are_even(sides, labels, stats)]] = 1
    # A pen's strokes are bolder, or darker.
    fine = some[stats[some, 2] <= thickness + WIDER_PX + LEANING * stats[some, 3]]
    fine = fine[~_are_darker(fine, labels, stats, contrast, taken)]
    groups = [
        group
        for group in _groups(stats, fine)
        if len(group) >= TICKS and not _may_be_ones(stats[group], rules, height)
    ]
    for group in groups:
        chosen[group] = 1
    ticks = chosen[labels]
    for group in (group for group in groups if np.median(stats[group, 3]) >= LOWEST * height):
        ticks |= _touching(ink, level, stats[group], rules)
    return np.asarray(ticks, np.uint8)


def _slender(
    labels: NDArray[np.int32], stats: NDArray[np.int32], taken: Mask, height: float, thickness: float
) -> NDArray[np.int64]:
    """The parts that are slender and stand on a rule, or hang from it."""
    _, _, width, high, area = stats.T
    narrow = np.maximum(max(NARROW_PX, THICKER * thickness + 2), SLENDER * high)
    some = (width <= narrow) & (high >= width) & (area >= FULL * width * high) & (high <= HIGHEST * height)
    at_rule = np.zeros(len(stats), np.bool_)
    at_rule[labels[grown(taken, (3, 3)) > 0]] = True
    at_rule[0] = False
    return np.flatnonzero(some & at_rule)


def _both_ends_meet(some: NDArray[np.int64], stats: NDArray[np.int32], level: Mask) -> NDArray[np.bool_]:
    """Whether a rule is at the upper and at the lower end of each."""
    meets = []
    for part in some:
        left, top, width, high, _ = stats[part].tolist()
        reach = max(2, round(END * high))
        upper = level[max(0, top - reach) : top + reach, left : left + width]
        lower = level[top + high - reach : top + high + reach, left : left + width]
        meets.append(bool(upper.any() and lower.any()))
    return np.array(meets, np.bool_)


def _are_even(
    some: NDArray[np.int64], labels: NDArray[np.int32], stats: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Whether each is as bold all along: a one that a pen drew on a side is bolder than the rest of that."""
    even = []
    for part in some:
        left, top, width, high, _ = stats[part].tolist()
        bold = np.count_nonzero(labels[top : top + high, left : left + width] == part, axis=1)
        usual = np.median(bold)
        even.append(((bold >= usual / 2) & (bold <= 2 * usual + 1)).mean() >= EVEN)
    return np.array(even, np.bool_)


def _are_darker(
    some: NDArray[np.int64],
    labels: NDArray[np.int32],
    stats: NDArray[np.int32],
    contrast: Contrast,
    taken: Mask,
) -> NDArray[np.bool_]:
    """Whether each is much darker than the rule it stands on."""
    darker = []
    for part in some:
        left, top, width, high, _ = stats[part].tolist()
        place = np.s_[
            max(0, top - REACH_PX) : top + high + REACH_PX, max(0, left - REACH_PX) : left + width + REACH_PX
        ]
        own, rule = contrast[place][labels[place] == part], contrast[place][taken[place] > 0]
        darker.append(bool(rule.size) and float(np.median(own)) > MUCH_DARKER * float(np.median(rule)))
    return np.array(darker, np.bool_)


def _groups(stats: NDArray[np.int32], some: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Those of one height and width."""
    groups, rest = [], some
    while rest.size:
        width, high = stats[rest, 2], stats[rest, 3]
        slack = np.maximum(ALIKE_PX, ALIKE * high)
        alike = (abs(high[:, None] - high) <= slack) & (abs(width[:, None] - width) <= WIDER_PX)
        group = alike[int(np.argmax(alike.sum(axis=1)))]
        groups.append(rest[group])
        rest = rest[~group]
    return groups


def _may_be_ones(ticks: NDArray[np.int32], rules: list[Rule], height: float) -> bool:
    """Whether they are few, as high as digits, on one rule, and not at multiples of one step, as in print."""
    is_high = np.median(ticks[:, 3]) >= HIGH * height
    if len(ticks) >= FEW or not is_high or not any(_on(rule, ticks).all() for rule in rules):
        return False
    gaps = np.diff(np.sort(ticks[:, 0] + ticks[:, 2] / 2))
    step = max(1.0, float(gaps.min()))
    off = np.abs(gaps - step * np.round(gaps / step))
    return bool(off.max() > max(UNEVEN_PX, UNEVEN * step))


def _on(rule: Rule, ticks: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of them stand on the rule."""
    middles = ticks[:, 0] + ticks[:, 2] / 2
    feet = ticks[:, 1] + ticks[:, 3]
    along = (middles >= rule.left - REACH_PX) & (middles <= rule.right + REACH_PX)
    return along & (feet >= rule.top - REACH_PX) & (feet <= rule.bottom + 2 * REACH_PX)


def _touching(ink: Mask, level: Mask, ticks: NDArray[np.int32], rules: list[Rule]) -> Mask:
    """Further ticks of the rules that these stand on, which touch digits: all but the strokes that cross."""
    high, wide = int(np.median(ticks[:, 3])), int(np.median(ticks[:, 2])) + WIDER_PX
    found = np.zeros_like(ink)
    for rule in rules:
        own = ticks[_on(rule, ticks)]
        if len(own) >= TICKS:
            middles = np.sort(own[:, 0] + own[:, 2] / 2)
            for place, feet in _feet(ink, level, rule, (high, wide)):
                if _is_at_step((place[1].start + place[1].stop) / 2, middles):
                    found[place] |= feet
    return found


def _is_at_step(x: float, middles: NDArray[np.floating]) -> bool:
    """Whether a tick there is whole steps away from the others, or these are at uneven steps themselves."""
    gaps = np.diff(middles)
    steps = np.append(gaps, np.abs(middles - x).min()) / max(1.0, float(gaps.min()))
    *between, own = np.abs(steps - np.round(steps)) <= OFF_STEP
    return bool(own or not all(between))


def _feet(
    ink: Mask, level: Mask, rule: Rule, size_px: tuple[int, int]
) -> Iterator[tuple[tuple[slice, slice], Mask]]:
    """Where else ticks of that height and width stand on the rule, and their ink there."""
    high, wide = size_px
    left, right = max(0, rule.left - wide), min(ink.shape[1], rule.right + wide)
    columns = np.arange(left, right)
    body = level[rule.top : rule.bottom, left:right]
    rows = np.where(body.any(axis=0), rule.top + np.argmax(body, axis=0), rule.top)
    foot = max(3, round(FOOT * high))
    # The rows above the rule, counted from it: (foot, columns).
    above = np.clip(rows - 1 - np.arange(foot)[:, None], 0, len(ink) - 1)
    own = ink[above, columns]
    solid = (own.mean(axis=0) >= SOLID) & own[:STANDS_PX].any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], solid.astype(np.int8), [0]])))
    for start, end in edges.reshape(-1, 2).tolist():
        if end - start <= wide:
            top = int(max(0, rows[start] - high))
            place = np.s_[top : int(rows[start]) + round(rule.thickness) + 1, left + start : left + end]
            wider = np.s_[place[0], max(0, left + start - 2 * wide) : left + end + 2 * wide]
            strokes = opened(ink[wider], (1, wide + 3))
            inner = left + start - max(0, left + start - 2 * wide)
            yield place, ink[place] & ~strokes[:, inner : inner + end - start]
