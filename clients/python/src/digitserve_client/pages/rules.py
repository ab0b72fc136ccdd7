"""Printed rules on a page: ruled lines, tables, boxes and combs, and how they are taken out.

Of a rule all is taken that is not a stroke across it: a digit that touches or crosses it stays whole.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Mask, connected, grown, opened
from digitserve_client.pages.heights import usual_height
from digitserve_client.pages.rule import MUCH_DARKER, Rule
from digitserve_client.pages.sheet import Contrast, Sheet
from digitserve_client.pages.ticks import ticks_of

PIECE = 1.15  # of a digit's height: straight pieces of this length are looked for
SLANTS = (0.0, -0.08, 0.08)  # their slopes
LONG = 1.8  # of a digit's height: no stroke of a digit is so long
SLIM = 24  # times as long as thick: bold print is not
SIDE = 1.2  # of a digit's height: sides of a box for one digit are so long, and meet other sides
EVEN = 0.75  # of its length is at least half as bold as most of it
FAINT_PX = 3  # gaps in faint lines are shorter
GAP = 0.25  # of a digit's height: gaps in a rule are shorter
THICK, THICKER = 0.3, 0.45  # of a digit's height: a rule is finer, and so are two sides that blur into one
PATTERN = 2.0  # of a digit's height: lines of a pattern are longer
PATTERNED = 0.4  # of the ink is in them, at least
PALE, PALER = 2.0, 1.5  # times as dark as the pattern: most of the ink on it, and all of it that is kept
MEETING_PX, MEETING = 3, 0.05  # sides that end so near to each other meet: in px, and of their length
SOLID = 0.6  # of a side's length times its thickness is ink at least
MERGED = 0.9  # EVEN and SOLID of two sides that blur into one
COVERED = 0.5  # of a rule's length has paper above and below at least
PALEST = 0.25  # of a rule's columns, at least, have no pen over them: they tell how dark it is
DARKER, PEN_PX = 1.25, 2  # times as dark as a rule, and px: so dark and broad is a pen's stroke on it
NEAR_PX = 9  # a much darker stroke beside a rule counts for the columns up to half as far from it
STROKE, STROKE_PX = 1.2, 3  # of a rule's thickness, and px: what reaches so far across it is a stroke
EDGE_PX, HALO_PX = 2, 7  # how far a rule's edge and its blur reach
HOLLOW = 0.6  # ink of a box by its area, at most
UPRIGHT = 0.5  # of a box's height: its width at least
BOX, NARROW = 1.35, 1.25  # height, and width at least, of a box by the height of the digit in it
MOST_BOXES = 300  # that are looked at
SMALL_BOX = 0.8  # of the usual digit's height: a box is at least so high; a bold word is lower
STRIP, FRAMED = 0.15, 0.9  # of a box's height: the strip its sides lie in; share of a side that is there


@dataclass(frozen=True, slots=True, eq=False)
class Cleared:
    """A sheet without rules. ink, contrast: what is left. marks: 1 where rules that go down stood."""

    contrast: Contrast
    ink: Mask
    marks: Mask


def cleared(sheet: Sheet, usual: float, *, is_far_larger: bool) -> Cleared:
    """The sheet without its rules; small boxes are looked for one by one, at their own scale.

    usual: the height of the digits that are meant, in px; not that of most, if it is far larger.
    """
    above = _above_pattern(sheet.ink, sheet.contrast, usual)
    if above is not sheet.ink and not is_far_larger:
        usual = usual_height(above)
    ink, marks = above.copy(), np.zeros_like(sheet.ink)
    boxes = [(place, inside) for place, inside in _boxes(ink, SMALL_BOX * usual) if inside < usual]
    for place, inside in (*boxes, (np.s_[:, :], usual)):
        ink[place], inner = _without_rules(ink[place], sheet.contrast[place], inside)
        marks[place] |= inner
    for place, inside in _boxes(ink, SMALL_BOX * usual):
        ink[place], inner = _without_rules(ink[place], sheet.contrast[place], inside)
        marks[place] |= inner
    taken = sheet.ink & ~ink
    halo = grown(taken, (HALO_PX, HALO_PX)) & ~ink
    return Cleared(np.where(halo | taken, np.uint8(0), sheet.contrast), ink, marks)


def _above_pattern(ink: Mask, contrast: Contrast, height: float) -> Mask:
    """The ink without a pattern of lines, as squared paper has, that is much paler than what stands on it."""
    piece = round(PATTERN * height)
    lines = (_straight(ink, piece, 0.0) | _straight(ink.T.copy(), piece, 0.0).T) & ink
    written = ink & ~grown(lines, (3, 3))
    if np.count_nonzero(lines) < max(PATTERNED * np.count_nonzero(ink), 1) or not written.any():
        return ink
    depth, pen = (float(np.median(contrast[some > 0])) for some in (lines, written))
    return ink & (contrast > PALER * depth).view(np.uint8) if pen > PALE * depth else ink


def _without_rules(whole: Mask, contrast: Contrast, height: float) -> tuple[Mask, Mask]:
    """The ink without its rules, and 1 where those that go down stood; `height` is that of a digit."""
    across, down = _pieces(whole, height), _pieces(whole.T.copy(), height)
    across_rules = _rules(whole, across, down.fine, height)
    down_rules = _rules(whole.T, down, across.fine, height)
    level, upright = _drawn(across, across_rules), _drawn(down, down_rules).T.copy()
    taken = _own(whole, contrast, level, upright, across_rules)
    taken |= _own(whole.T.copy(), contrast.T.copy(), upright.T.copy(), level.T.copy(), down_rules).T
    ink = _mended(whole & ~taken, taken, across_rules)
    ink = _mended(ink.T.copy(), taken.T.copy(), down_rules).T.copy()
    ticks = ticks_of(ink, contrast, taken, level, across_rules, height=height)
    return ink & ~ticks, upright | ticks


def _boxes(ink: Mask, least_px: float) -> list[tuple[tuple[slice, slice], float]]:
    """Where parts are that may be boxes, or rows of them, and how high a digit in them would be."""
    _, stats = connected(ink)
    _, _, width, high, area = stats[1:].T
    hollow = (area < HOLLOW * width * high) & (width >= UPRIGHT * high) & (high >= least_px)
    boxes = [
        (np.s_[y : y + h, x : x + w], min(h / BOX, w / NARROW))
        for x, y, w, h, _ in stats[1:][hollow][:MOST_BOXES].tolist()
    ]
    return [(place, height) for place, height in boxes if _is_frame(ink[place])]


def _is_frame(ink: Mask) -> bool:
    """Whether there is ink along all four sides."""
    strip = max(3, round(STRIP * len(ink)))
    across = (ink[:strip].any(axis=0).mean(), ink[-strip:].any(axis=0).mean())
    down = (ink[:, :strip].any(axis=1).mean(), ink[:, -strip:].any(axis=1).mean())
    return bool(min(*across, *down) >= FRAMED)


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """fine: those that may be rules. thick: those that may be sides of two boxes which nearly touch."""

    labels: NDArray[np.int32]
    fine: list[Rule]
    thick: list[Rule]


def _pieces(ink: Mask, height: float) -> _Pieces:
    """Straight pieces that run across, or nearly: perspective turns some more than others."""
    piece = max(8, round(PIECE * height))
    straight = np.zeros_like(ink)
    for slant in SLANTS:
        straight |= _straight(ink, piece, slant)
    joined = cv2.morphologyEx(straight, cv2.MORPH_CLOSE, np.ones((1, max(3, round(GAP * height))), np.uint8))
    labels, stats = connected(np.asarray(joined, np.uint8))
    fine, thick = [], []
    for label, (left, top, width, high, area) in enumerate(stats[1:].tolist(), 1):
        thickness = max(1.0, area / width - 2)
        if high <= thickness + 2 + max(4.0, 0.12 * width):
            rule = Rule(left, top, left + width, top + high, label, thickness)
            if thickness <= max(3.0, THICK * height):
                fine.append(rule)
            elif thickness <= THICKER * height:
                thick.append(rule)
    return _Pieces(labels, fine, thick)


def _straight(ink: Mask, piece: int, slant: float) -> Mask:
    """Where pieces of that length fit that fall by `slant` px a px."""
    size, there = ink.shape[::-1], np.array([[1, 0, 0], [-slant, 1, slant * ink.shape[1] / 2]], np.float32)
    level = cv2.warpAffine(ink, there, size, flags=cv2.INTER_NEAREST) if slant else ink
    stepless = cv2.dilate(level, np.ones((3, 1), np.uint8))  # a thin line that is tilted is a staircase
    whole = cv2.morphologyEx(stepless, cv2.MORPH_CLOSE, np.ones((1, FAINT_PX), np.uint8))
    found = cv2.morphologyEx(whole, cv2.MORPH_OPEN, np.ones((1, piece), np.uint8))
    if slant:
        found = cv2.warpAffine(found, there, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return np.asarray(found, np.uint8)


def _rules(ink: Mask, pieces: _Pieces, others: list[Rule], height: float) -> list[Rule]:
    """Pieces that are longer than a stroke, and sides, which meet others; those are given turned over."""

    def is_side(rule: Rule, even: float, solid: float) -> bool:
        return (
            _meets_others(rule, others, height)
            and _is_even(ink, pieces.labels, rule, even)
            and _is_solid(ink, pieces.labels, rule, solid)
        )

    fine = [rule for rule in pieces.fine if _is_long(rule, height) or is_side(rule, EVEN, SOLID)]
    return fine + [rule for rule in pieces.thick if is_side(rule, MERGED, MERGED)]


def _is_long(rule: Rule, height: float) -> bool:
    return rule.right - rule.left >= max(LONG * height, SLIM * rule.thickness)


def _is_solid(ink: Mask, labels: NDArray[np.int32], rule: Rule, solid: float) -> bool:
    """Whether that share of its place is ink: the dots of a screen can be joined as well."""
    place = np.s_[rule.top : rule.bottom, rule.left : rule.right]
    own = int(np.count_nonzero(ink[place][labels[place] == rule.label]))
    return own >= solid * rule.thickness * (rule.right - rule.left)


def _meets_others(rule: Rule, others: list[Rule], height: float) -> bool:
    """Whether it meets others at both ends."""
    length = rule.right - rule.left
    if length < SIDE * height:
        return False
    y = (rule.top + rule.bottom) / 2
    meeting = [other for other in others if other.left - MEETING_PX <= y <= other.right + MEETING_PX]
    return all(any(_is_at(end, other, length) for other in meeting) for end in (rule.left, rule.right))


def _is_even(ink: Mask, labels: NDArray[np.int32], rule: Rule, even: float) -> bool:
    """Whether that share of it is as bold: a one whose ends some texture leads on to the sides is not."""
    place = np.s_[rule.top : rule.bottom, rule.left : rule.right]
    bold = np.count_nonzero((labels[place] == rule.label) & (ink[place] > 0), axis=0)
    return bool((bold >= np.median(bold) / 2).mean() >= even)


def _is_at(end: int, other: Rule, length: int) -> bool:
    slack = MEETING_PX + other.thickness / 2 + MEETING * length
    return abs((other.top + other.bottom) / 2 - end) <= slack


def _drawn(pieces: _Pieces, rules: list[Rule]) -> Mask:
    chosen = np.zeros(int(pieces.labels.max()) + 1, np.uint8)
    chosen[[rule.label for rule in rules]] = 1
    return chosen[pieces.labels]


def _own(ink: Mask, contrast: Contrast, level: Mask, upright: Mask, rules: list[Rule]) -> Mask:
    """The ink of rules across, without that of strokes which cross them, or are darker."""
    others = ink & ~grown(upright, (1, 2 * EDGE_PX + 1))
    taken = np.zeros_like(ink)
    for rule in rules:
        size = round(STROKE * rule.thickness) + STROKE_PX
        place = np.s_[max(0, rule.top - 2 * size) : rule.bottom + 2 * size, rule.left : rule.right]
        reach = grown(level[place], (2 * EDGE_PX - 1, 1))
        strokes = opened(others[place], (size, 1))
        own = reach & ink[place] & ~strokes
        standing_out = np.where(own, contrast[place], 0)
        depth = _depth(standing_out)
        own &= ~(_darker(standing_out, depth) & others[place])
        # A line of bold print is straight and long as well, but few of its columns are thin.
        if np.count_nonzero(own.any(axis=0)) >= COVERED * np.count_nonzero(level[place].any(axis=0)):
            taken[place] |= own | (reach & strokes & _below_pen(contrast[place], reach, depth))
    return taken


def _depth(own: Contrast) -> float:
    """How far a rule stands out where no pen was drawn over it; 0.0 without ink. `own` is 0 beside it."""
    deepest = own.max(axis=0)
    inked = deepest[deepest > 0]
    return float(np.quantile(inked, PALEST)) if inked.size else 0.0


def _darker(own: Contrast, depth: float) -> Mask:
    """Where a pen that is darker than the rule was drawn over it; `own` is 0 beside the rule."""
    pen = (own > DARKER * depth).view(np.uint8)
    return grown(opened(pen, (PEN_PX, PEN_PX)), (3, 3))


def _below_pen(contrast: Contrast, reach: Mask, depth: float) -> Mask:
    """Where a rule runs along the feet, or the heads, of strokes of a much darker pen that do not cross it.

    `reach` is 1 wherever the rule may be. Feet that nearly touch it hang together with it in the ink.
    """
    above = np.cumsum(reach, axis=0) == 0
    sides = [np.where(side, contrast, 0).max(axis=0) for side in (above, ~above & (reach == 0))]
    upper, lower = (grown(side[np.newaxis], (1, NEAR_PX)) > MUCH_DARKER * depth for side in sides)
    return np.asarray(((upper != lower) & (contrast <= DARKER * depth)).view(np.uint8), np.uint8)


def _mended(ink: Mask, taken: Mask, rules: list[Rule]) -> Mask:
    """With the strokes whole that the rules across had cut aslant."""
    mended = ink.copy()
    for rule in rules:
        reach = round(rule.thickness) + 4
        place = np.s_[max(0, rule.top - reach) : rule.bottom + reach, rule.left : rule.right]
        closed = cv2.morphologyEx(ink[place], cv2.MORPH_CLOSE, np.ones((reach, 3), np.uint8))
        mended[place] |= np.asarray(closed, np.uint8) & taken[place]
    return mended
