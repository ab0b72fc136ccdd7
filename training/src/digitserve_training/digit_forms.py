"""The forms of the digits that are taught in different countries, each a handful of strokes.

The proportions of a form are drawn anew each time it is written.
"""

from collections.abc import Callable, Sequence

import numpy as np

from digitserve_training.hand import Hand, Stroke


def _zero(hand: Hand) -> list[Stroke]:
    start = hand.between(-130, -50)
    ring = hand.arc((0.5, 0.5), (0.5, 0.5), start, start + hand.between(-400, -340))
    return [ring]


def _zero_slashed(hand: Hand) -> list[Stroke]:
    reach = hand.between(0, 0.1)
    return [*_zero(hand), hand.line((0.85 + reach, 0.12), (0.15 - reach, 0.88))]


def _one_with_flag(hand: Hand) -> list[Stroke]:
    """The upstroke may be as long as the stem."""
    reach, bend = hand.between(0.25, 1.0), hand.between(-0.1, 0.06)
    fall = hand.between(max(0.15, 0.5 * reach), 0.95)  # a flat one would make it a 7
    flag = hand.curve((1 - reach, fall), (1 - reach / 2 - bend, fall / 2 - bend), (1, 0))
    stem = hand.line((1, 0), (1 + hand.between(-0.2, 0.1), 1))
    foot = hand.line((1 - hand.between(0.1, 0.5), 1), (1 + hand.between(0.1, 0.5), hand.between(0.94, 1)))
    return [np.concatenate([flag, stem]), *hand.perhaps(foot, 0.25)]


def _one_with_short_flag(hand: Hand) -> list[Stroke]:
    """Hardly more than a hook at the top: written fast, or in print."""
    reach = hand.between(0.15, 0.5)
    flag = hand.line((1 - reach, hand.between(max(0.1, 0.45 * reach), 0.35)), (1, 0))
    stem = hand.line((1, 0), (1 + hand.between(-0.2, 0.1), 1))
    return [np.concatenate([flag, stem])]


def _one_bar(hand: Hand) -> list[Stroke]:
    bend = hand.between(-0.08, 0.08)
    return [hand.curve((0.5, 0), (0.5 + bend, 0.5), (0.5 + hand.between(-0.1, 0.1), 1))]


def _two(hand: Hand) -> list[Stroke]:
    top = hand.arc((0.48, 0.28), (hand.between(0.38, 0.5), 0.28), -170 - hand.between(0, 40), 25)
    foot = hand.curve((0.88, 0.4), (0.5, 0.72), (0.0, 1 - hand.between(0, 0.05)))
    base = hand.curve((0.0, 0.97), (0.4, hand.between(0.86, 1)), (0.7, 1), (1, hand.between(0.88, 1.02)))
    return [np.concatenate([top, foot, base])]


def _two_with_loop(hand: Hand) -> list[Stroke]:
    size = hand.between(0.08, 0.16)
    top = hand.arc((0.48, 0.27), (hand.between(0.38, 0.5), 0.27), -170 - hand.between(0, 40), 25)
    foot = hand.curve((0.88, 0.38), (0.6, 0.66), (0.2, 0.95))
    loop = hand.arc((0.17, 0.95 - size), (0.15, size), 80, 380)
    tail = hand.curve((0.3, 0.9), (0.6, 1), (1, hand.between(0.85, 1)))
    return [np.concatenate([top, foot, loop, tail])]


def _three(hand: Hand) -> list[Stroke]:
    waist = hand.between(0.42, 0.52)
    top = hand.arc((0.45, waist / 2), (hand.between(0.38, 0.5), waist / 2), -150 - hand.between(0, 40), 75)
    low = (1 - waist) / 2
    belly = hand.arc((0.42, 1 - low), (hand.between(0.45, 0.58), low), -85, 150 + hand.between(0, 40))
    knot = hand.line((0.5, waist), (hand.between(0.25, 0.5), waist), (0.5, waist))
    return [np.concatenate([top, knot, belly])]


def _three_flat(hand: Hand) -> list[Stroke]:
    waist = hand.between(0.36, 0.46)
    top = hand.line((0.05, hand.between(0, 0.05)), (0.9, 0), (hand.between(0.35, 0.5), waist))
    low = (1 - waist) / 2
    return [np.concatenate([top, hand.arc((0.42, 1 - low), (0.5, low), -90, 150 + hand.between(0, 40))])]


def _four_open(hand: Hand) -> list[Stroke]:
    bar, stem = hand.between(0.5, 0.72), hand.between(0.55, 0.85)
    lean = hand.between(0, 0.35)
    angle = hand.line((lean, 0), (hand.between(0, 0.06), bar), (1, bar + hand.between(-0.08, 0.04)))
    top = hand.between(0.0, 0.45)
    return [angle, hand.line((stem + hand.between(-0.02, 0.12), top), (stem + hand.between(-0.12, 0.02), 1))]


def _four_in_one(hand: Hand) -> list[Stroke]:
    """Without lifting the pen, like a flash of lightning."""
    bar, end = hand.between(0.45, 0.7), hand.between(0.75, 1)
    top = hand.between(0.35, 1.0)
    slope = hand.curve((top, 0), (top / 2, bar / 2), (0, bar))
    right = hand.line((0, bar), (end, bar - hand.between(0, 0.15)))
    tail = hand.line((end, right[-1][1]), (end - hand.between(0.05, 0.5), 1))
    return [np.concatenate([slope, right, tail])]


def _four_closed(hand: Hand) -> list[Stroke]:
    bar, stem = hand.between(0.55, 0.75), hand.between(0.6, 0.85)
    slope = hand.line((stem, 0), (0, bar), (1, bar + hand.between(-0.06, 0.04)))
    return [slope, hand.line((stem, hand.between(0, 0.1)), (stem + hand.between(-0.08, 0.05), 1))]


def _four_round(hand: Hand) -> list[Stroke]:
    """A bowl like a u, and a stem."""
    bar, stem = hand.between(0.45, 0.65), hand.between(0.75, 0.95)
    bowl = hand.curve(
        (hand.between(0, 0.15), 0), (hand.between(0, 0.08), bar * 0.7), (0.35, bar), (stem, bar * 0.85)
    )
    return [bowl, hand.line((stem, hand.between(0, 0.15)), (stem + hand.between(-0.1, 0.05), 1))]


def _four_like_a_g(hand: Hand) -> list[Stroke]:
    """Open; the left stroke bends into the bar, and the stem hardly rises above it."""
    bar, stem, end = hand.between(0.5, 0.7), hand.between(0.65, 0.95), hand.between(0.9, 1.1)
    bend = hand.curve(
        (hand.between(0.35, 0.8), 0),
        (hand.between(0.1, 0.3), bar * 0.5),
        (hand.between(0, 0.1), bar * 0.9),
        (hand.between(0.35, 0.5), bar + hand.between(-0.04, 0.06)),
        (end, bar - hand.between(0, 0.15)),
    )
    fall = hand.line((stem, bar - hand.between(0.0, 0.25)), (stem + hand.between(-0.12, 0.05), 1))
    return [bend, fall]


def _five(hand: Hand) -> list[Stroke]:
    left, waist = hand.between(0.08, 0.25), hand.between(0.36, 0.48)
    low = (1 - waist * 0.9) / 2
    neck = hand.line((left + 0.05, 0), (left, waist))
    belly = hand.arc((0.42, 1 - low), (hand.between(0.45, 0.58), low), -140, 140 + hand.between(0, 45))
    flag = hand.line(
        (left + 0.05 + hand.between(0, 0.1), 0), (hand.between(0.75, 1.05), hand.between(-0.06, 0.06))
    )
    return [np.concatenate([neck, belly]), flag]


def _five_in_one(hand: Hand) -> list[Stroke]:
    """Without lifting the pen, almost an s."""
    waist = hand.between(0.38, 0.5)
    return [
        hand.curve(
            (hand.between(0.8, 1), hand.between(0, 0.06)),
            (0.3, 0.04),
            (0.12, waist),
            (0.6, waist - hand.between(0, 0.06)),
            (0.92, 0.72),
            (0.5, 1),
            (0.0, hand.between(0.85, 0.97)),
        )
    ]


def _six(hand: Hand) -> list[Stroke]:
    height = hand.between(0.42, 0.6)
    centre = (0.48, 1 - height / 2)
    neck = hand.curve(
        (hand.between(0.5, 0.95), 0), (hand.between(0.1, 0.3), 0.35), (hand.between(0, 0.06), 1 - height / 2)
    )
    return [np.concatenate([neck, hand.arc(centre, (0.47, height / 2), 180, 180 - hand.between(300, 380))])]


def _seven(hand: Hand) -> list[Stroke]:
    foot, bend = hand.between(0.15, 0.55), hand.between(-0.1, 0.1)
    top = hand.line((0, hand.between(0, 0.08)), (1, hand.between(-0.05, 0.03)))
    stem = hand.curve((1, 0), ((1 + foot) / 2 + bend, 0.5), (foot, 1))
    serif = hand.line((0, 0.02), (hand.between(-0.06, 0.03), hand.between(0.1, 0.25)))
    return [np.concatenate([top, stem]), *hand.perhaps(serif, 0.3)]


def _seven_crossed(hand: Hand) -> list[Stroke]:
    height, reach = hand.between(0.4, 0.62), hand.between(0.2, 0.4)
    middle = hand.between(0.5, 0.75)
    tilt = hand.between(-0.08, 0.08)
    return [*_seven(hand), hand.line((middle - reach, height + tilt), (middle + reach, height - tilt))]


def _eight(hand: Hand) -> list[Stroke]:
    waist = hand.between(0.42, 0.52)
    top, low = waist / 2, (1 - waist) / 2
    upper = hand.arc((0.5, top), (hand.between(0.32, 0.46), top), 90, -270)
    return [upper, hand.arc((0.5, 1 - low), (hand.between(0.4, 0.52), low), -90, 270)]


def _eight_in_one(hand: Hand) -> list[Stroke]:
    """An s that goes up again on the other side; the ends may miss each other."""
    gap = hand.between(-0.1, 0.12)
    return [
        hand.curve(
            (0.75 + gap, 0.1),
            (0.45, 0.0),
            (0.15, 0.2),
            (0.5, 0.47),
            (0.9, 0.75),
            (0.48, 1.0),
            (0.08, 0.78),
            (0.5, 0.45),
            (0.88 - gap / 2, 0.1 + hand.between(-0.06, 0.08)),
        )
    ]


def _nine_straight(hand: Hand) -> list[Stroke]:
    height = hand.between(0.4, 0.58)
    bowl = hand.arc((0.48, height / 2), (0.46, height / 2), -hand.between(10, 50), -360)
    return [np.concatenate([bowl, hand.line((0.94, height / 2 - 0.1), (0.94 + hand.between(-0.6, 0.05), 1))])]


def _nine_curled(hand: Hand) -> list[Stroke]:
    """Like a g: from the closed bowl the pen swings out, and ends in a curl to the left."""
    height, out = hand.between(0.35, 0.6), hand.between(-0.2, 0.35)
    width, right = hand.between(0.28, 0.46), hand.between(0.85, 1.1)
    start = -hand.between(10, 60)
    bowl = hand.arc((0.48, height / 2), (width, height / 2), start, start - hand.between(350, 400))
    end = bowl[-1]
    tail = hand.curve(
        (end[0], end[1]),
        (right, height + hand.between(0.05, 0.25)),
        (hand.between(0.45, 0.75), hand.between(0.94, 1)),
        (out, hand.between(0.82, 1)),
    )
    return [np.concatenate([bowl, tail])]


def _nine_hooked(hand: Hand) -> list[Stroke]:
    """From the closed bowl straight down, then flat to the left, as if on a line."""
    height, corner = hand.between(0.38, 0.68), hand.between(0.7, 1.0)
    start = -hand.between(10, 60)
    bowl = hand.arc((0.48, height / 2), (hand.between(0.3, 0.46), height / 2), start, start - 360)
    tail = hand.curve(
        (bowl[-1][0], bowl[-1][1]),
        (corner + hand.between(0, 0.1), (height + 1) / 2),
        (corner - hand.between(0, 0.1), hand.between(0.9, 0.96)),
        (corner - hand.between(0.2, 0.3), 1),
    )
    base = hand.line((tail[-1][0], 1), (hand.between(-0.25, 0.3), hand.between(0.88, 1.04)))
    return [np.concatenate([bowl, tail, base])]


def _nine_swung(hand: Hand) -> list[Stroke]:
    """A small bowl, from whose foot the pen swings out to the right, and back along the line."""
    height, width = hand.between(0.38, 0.52), hand.between(0.28, 0.44)
    start = -hand.between(0, 60)
    bowl = hand.arc((0.58, height / 2), (width, height / 2), start, start - hand.between(330, 480))
    right = hand.between(0.9, 1.1)
    tail = hand.curve(
        (bowl[-1][0], bowl[-1][1]),
        (hand.between(0.6, 0.85), (height + 0.85) / 2),
        (right, hand.between(0.75, 0.88)),
        (right - hand.between(0.15, 0.4), hand.between(0.93, 1)),
    )
    base = hand.line((tail[-1][0], tail[-1][1]), (hand.between(-0.1, 0.4), hand.between(0.9, 1.02)))
    return [np.concatenate([bowl, tail, base])]


def _nine_open(hand: Hand) -> list[Stroke]:
    """A hook that does not reach its stem, and a curl or a straight end."""
    height = hand.between(0.4, 0.55)
    hook = hand.curve(
        (hand.between(0.8, 0.95), hand.between(0.05, 0.15)),
        (0.45, 0),
        (0.05, height * 0.55),
        (0.4, height),
        (hand.between(0.75, 0.9), height * 0.75),
    )
    stem = hand.curve(
        (0.92, hand.between(0, 0.15)), (0.95, 0.6), (0.7, 0.95), (hand.between(0, 0.5), hand.between(0.9, 1))
    )
    return [hook, stem]


FORMS: Sequence[Sequence[Callable[[Hand], list[Stroke]]]] = (
    (_zero, _zero, _zero_slashed),
    (*[_one_with_flag] * 3, *[_one_with_short_flag] * 2, _one_bar),
    (_two, _two_with_loop),
    (_three, _three_flat),
    (_four_open, _four_closed, _four_round, _four_in_one, _four_in_one, _four_like_a_g, _four_like_a_g),
    (_five, _five_in_one),
    (_six,),
    (_seven, _seven_crossed),
    (_eight, _eight_in_one),
    (
        _nine_straight,
        _nine_straight,
        _nine_curled,
        _nine_curled,
        _nine_hooked,
        _nine_hooked,
        _nine_swung,
        _nine_open,
    ),
)
"""By digit; a form is drawn as often as it stands there: what MNIST has hardly any of, more often."""
