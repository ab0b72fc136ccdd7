"""Pictures that are not one digit, to see whether a model is sure of them all the same.

They are drawn when they are needed, always the same on a machine; only letters and signs depend on its fonts.
They share no typeface and no drawing with the outliers that a training may use.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from string import ascii_letters
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy.interpolate import CubicSpline

from digitserve_training.data import SIDE_PX, Images
from digitserve_training.report.samples import prepared
from digitserve_training.report.typefaces import typefaces

SEED = 20_231
CANVAS_PX = 96
PAPER, INK = 255, 0
DIGIT_LIKE_LETTERS = frozenset("OoDQIliZzSsbGBgq")
"""Letters that many a hand writes as 0 0 0 0 1 1 1 2 2 5 5 6 6 8 9 9: no reader of single digits can tell."""
DIGIT_LIKE_SHAPES = frozenset(("circle", "line"))
SIGNS = "#%@*+=<>{}~^"

Random = np.random.Generator
Drawing = Iterator[tuple[str, Image.Image]]


@dataclass(frozen=True, eq=False)
class Stranger:
    """What is drawn, and the image that the model gets, uint8 (28, 28); None where the client refuses it."""

    kind: str
    name: str
    image: Images | None
    like_a_digit: bool = False


def strangers(digits: Images, each: int = 150, faces: Sequence[Path] | None = None) -> list[Stranger]:
    """About so many of each kind; two of the digits, uint8 (N, 28, 28), make a picture of two digits.

    Letters and signs once in each of the faces, font files; None takes those of `typefaces`.
    """
    faces = typefaces() if faces is None else faces
    kinds: Mapping[str, Callable[[Random], Drawing]] = {
        "blank paper": lambda random: _blank(random, each // 3),
        "noise": lambda random: _noise(random, each),
        "letters": lambda _: _glyphs(ascii_letters, faces),
        "signs": lambda _: _glyphs(SIGNS, faces),
        "shapes": lambda random: _shapes(random, each),
        "two digits": lambda random: _two_digits(random, each, digits),
        "scribbles": lambda random: _scribbles(random, each),
    }
    drawn = [
        Stranger(kind, name, prepared(picture), _like_a_digit(kind, name))
        for number, (kind, draw) in enumerate(kinds.items())
        for name, picture in draw(np.random.default_rng([SEED, number]))
    ]
    return drawn + _unprepared(np.random.default_rng([SEED, len(kinds)]), each // 3)


def _like_a_digit(kind: str, name: str) -> bool:
    if kind == "letters":
        return name[0] in DIGIT_LIKE_LETTERS
    return kind == "shapes" and name in DIGIT_LIKE_SHAPES


def _paper(random: Random) -> npt.NDArray[np.float64]:
    """A sheet's light: a shade of grey that changes a little from one side to the other."""
    slope = np.linspace(-1, 1, CANVAS_PX) * random.uniform(0, 20)
    return random.uniform(150, 235) + slope * np.ones((CANVAS_PX, 1))


def _picture(grey: npt.NDArray[np.number[Any]]) -> Image.Image:
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def _blank(random: Random, count: int) -> Drawing:
    """Paper with no more than a scanner's grain."""
    for _ in range(count):
        grain = random.normal(0, random.uniform(0, 3), (CANVAS_PX, CANVAS_PX))
        yield "paper", _picture(_paper(random) + grain)


def _noise(random: Random, count: int) -> Drawing:
    """Strong grain, spots, and static."""
    for number in range(count):
        if number % 3 == 0:
            yield (
                "grain",
                _picture(_paper(random) + random.normal(0, random.uniform(10, 60), (CANVAS_PX,) * 2)),
            )
        elif number % 3 == 1:
            yield "spots", _spots(random)
        else:
            yield "static", _picture(random.integers(0, 256, (random.integers(16, CANVAS_PX),) * 2))


def _spots(random: Random) -> Image.Image:
    """Grain as coarse as a pen is wide, of which the darkest is ink."""
    grain = _picture(random.normal(128, 60, (CANVAS_PX,) * 2)).filter(
        ImageFilter.GaussianBlur(random.uniform(2, 5))
    )
    grey = np.asarray(grain)
    return _picture(np.where(grey < np.quantile(grey, random.uniform(0.03, 0.2)), INK, PAPER))


def _glyphs(text: str, faces: Sequence[Path]) -> Drawing:
    """Each character in each face."""
    for file in faces:
        face = ImageFont.truetype(file, CANVAS_PX * 2 // 3)
        for character in text:
            canvas = _canvas()
            middle = (CANVAS_PX // 2, CANVAS_PX // 2)
            ImageDraw.Draw(canvas).text(middle, character, INK, face, anchor="mm")
            yield f"{character} {file.stem}", canvas


def _canvas() -> Image.Image:
    return Image.new("L", (CANVAS_PX, CANVAS_PX), PAPER)


def _shapes(random: Random, count: int) -> Drawing:
    """Outlines and filled ones, turned, of any size."""
    names = tuple(_OUTLINES)
    for number in range(count):
        name, filled = names[number % len(names)], random.random() < 0.25
        points = (
            _OUTLINES[name] @ _turned(random.uniform(-np.pi, np.pi)) * CANVAS_PX * random.uniform(0.2, 0.4)
            + CANVAS_PX / 2
        )
        canvas, width = _canvas(), round(CANVAS_PX * random.uniform(0.03, 0.08))
        if filled and name in _CLOSED:
            ImageDraw.Draw(canvas).polygon(list(map(tuple, points)), INK)
            yield f"filled {name}", canvas
        else:
            _stroke(canvas, points, width)
            yield name, canvas


def _turned(angle: float) -> npt.NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _stroke(canvas: Image.Image, points: npt.NDArray[np.floating[Any]], width: int) -> None:
    """A pen with a round tip along the points, (N, 2); nan lifts it."""
    pen = ImageDraw.Draw(canvas)
    for start, end in pairwise(points):
        if not np.isnan([*start, *end]).any():
            pen.line([*start, *end], INK, width)
            for x, y in (start, end):
                pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], INK)


def _circle() -> npt.NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 60)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


_LIFT = (np.nan, np.nan)
_OUTLINES = {
    "circle": _circle(),
    "square": np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * 0.8,
    "triangle": np.array([(0, -1), (0.87, 0.5), (-0.87, 0.5), (0, -1)]),
    "cross": np.array([(-1, 0), (1, 0), _LIFT, (0, -1), (0, 1)]),
    "line": np.array([(0, -1), (0, 1)]),
    "arrow": np.array([(0, 1), (0, -1), (-0.5, -0.4), _LIFT, (0, -1), (0.5, -0.4)]),
    "star": np.array([(np.sin(turn), -np.cos(turn)) for turn in np.arange(6) * 4 * np.pi / 5]),
}
_CLOSED = frozenset(("circle", "square", "triangle", "star"))


def _two_digits(random: Random, count: int, digits: Images) -> Drawing:
    """Two digits side by side, as close as a careless cut leaves them."""
    for left, right in random.integers(0, len(digits), (count, 2)):
        halves = [_columns_of_ink(digits[index]) for index in (left, right)]
        gap = int(random.integers(0, 6))
        row = np.concatenate([halves[0], np.zeros((SIDE_PX, gap), np.uint8), halves[1]], axis=1)
        framed = Image.fromarray(255 - np.pad(row, 4))
        yield "two digits", framed.resize((framed.width * 3, framed.height * 3), Image.Resampling.BICUBIC)


def _columns_of_ink(image: Images) -> Images:
    columns = np.flatnonzero(image.max(axis=0) > 64)
    return image[:, columns[0] : columns[-1] + 1] if len(columns) else image


def _scribbles(random: Random, count: int) -> Drawing:
    """One long bent line, as of someone who tries a pen."""
    for _ in range(count):
        knots = random.uniform(0.15, 0.85, (int(random.integers(7, 15)), 2)) * CANVAS_PX
        path = CubicSpline(np.arange(len(knots)), knots)(np.linspace(0, len(knots) - 1, 40 * len(knots)))
        canvas = _canvas()
        _stroke(canvas, np.clip(path, 5, CANVAS_PX - 5), round(CANVAS_PX * random.uniform(0.03, 0.06)))
        yield "scribble", canvas


def _unprepared(random: Random, count: int) -> list[Stranger]:
    """What a caller sends who prepares nothing: no ink, all ink, static, in 28x28."""
    static = random.integers(0, 256, (count, SIDE_PX, SIDE_PX), np.uint8)
    even = {
        name: np.full((SIDE_PX, SIDE_PX), shade, np.uint8)
        for name, shade in (("no ink", 0), ("all ink", 255))
    }
    return [
        *(Stranger("raw pixels", name, image) for name, image in even.items()),
        *(Stranger("raw pixels", "static", image) for image in static),
    ]
