"""Draw the example page again: a printed form, filled in by the simulated pen of `render.py`."""

import argparse
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from render import (
    HERE,
    SUPERSAMPLING,
    Desk,
    as_image,
    coverage,
    deposit,
    inked,
    load_desk,
    posed,
    sheet,
    touches,
    written,
)

SIZE_PX = (1100, 780)
HAND, PEN, PAPER = "upright", "ballpoint", "photographed"
DIGIT_PX, ADVANCE_PX = 50, 46
PRINT, TILT_DEG = (90, 96, 110), -1.6
# What is printed above a field, where it stands, what is written in it, and the side of its boxes or 0.
FIELDS = [
    ("Meter", 120, 150, "4071836", 0),
    ("Reading", 640, 150, "29514", 0),
    ("Postcode", 120, 320, "70438", 68),
    ("House", 640, 320, "126", 68),
    ("Day", 120, 490, "21", 0),
    ("Month", 370, 490, "11", 0),
    ("Year", 640, 490, "2026", 0),
    ("Telephone", 120, 650, "0351 927648", 0),
]


def strokes_of(digit: str, desk: Desk, rng: Generator) -> list[NDArray[np.float64]]:
    """The strokes of a digit in px, around its middle."""
    form, hand = next(iter(desk.forms[digit].values())), desk.hands[HAND]
    paths = [posed(written(points, hand, rng), hand) for points in form]
    low, high = np.min(np.vstack(paths), axis=0), np.max(np.vstack(paths), axis=0)
    scale = DIGIT_PX * rng.uniform(0.94, 1.06) / (high - low)[1]
    return [(path - (low + high) / 2) * scale + rng.normal(0, 0.5, 2) for path in paths]


def written_fields(desk: Desk, rng: Generator) -> NDArray[np.float64]:
    """The depth of ink everywhere on the supersampled page."""
    depth = np.zeros([side * SUPERSAMPLING for side in reversed(SIZE_PX)])
    pen, hand = desk.pens[PEN], desk.hands[HAND]
    for _, x, y, text, side in FIELDS:
        step, left = (side, x) if side else (ADVANCE_PX, x + 10)
        for place, digit in enumerate(text):
            for path in strokes_of(digit, desk, rng) if digit != " " else ():
                at = (path + np.array([left + step * (place + 0.5), y])) * SUPERSAMPLING
                for touch in touches(at, pen.width * DIGIT_PX * SUPERSAMPLING / 2, pen, hand, rng):
                    deposit(depth, touch, pen.flatness)
    return depth


def printed(ground: Image.Image) -> None:
    """The form: words, rules and boxes."""
    pen = ImageDraw.Draw(ground)
    pen.text((120, 14), "Meter reading", fill=PRINT, font=ImageFont.load_default(30))
    for name, x, y, text, side in FIELDS:
        pen.text((x, y - 92), name, fill=PRINT, font=ImageFont.load_default(19))
        for place in range(len(text)) if side else ():
            box = (x + side * place, y - side / 2, x + side * (place + 1), y + side / 2)
            pen.rectangle(box, outline=PRINT, width=2)
        if not side:
            pen.line((x, y + 36, x + ADVANCE_PX * len(text) + 30, y + 36), fill=PRINT, width=2)


def page(rng: Generator) -> Image.Image:
    """The form, filled in, and laid on the scanner not quite straight."""
    desk = load_desk()
    pen, paper = desk.pens[PEN], desk.papers[PAPER]
    ground = as_image(sheet(paper, SIZE_PX[::-1], rng))
    printed(ground)
    cover = coverage(written_fields(desk, rng), pen.width * DIGIT_PX, pen, rng)
    filled = as_image(inked(np.asarray(ground, np.float64) / 255, cover, pen))
    bare = tuple(round(255 * part) for part in paper.colour)
    return filled.rotate(TILT_DEG, Image.Resampling.BICUBIC, fillcolor=bare)


def main() -> None:
    """Render the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed, other strokes of the same hand")
    out = HERE / "pages" / "meter-reading.jpg"
    parser.add_argument("--out", type=Path, default=out, help="the file to write")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    page(np.random.default_rng(arguments.seed)).save(arguments.out, quality=82)


if __name__ == "__main__":
    main()
