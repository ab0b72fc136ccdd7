"""Pictures that are none of the classes, for a network that must learn to say so.

Hendrycks, Mazeika, Dietterich: Deep Anomaly Detection with Outlier Exposure. ICLR 2019.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from string import ascii_letters

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
from digitserve_client.errors import UnreadablePicture
from digitserve_client.imaging import to_mnist
from PIL import ImageFont

from digitserve_training import typeset
from digitserve_training.data import SIDE_PX, Images
from digitserve_training.typeset import CANVAS_PX, Families

SIGNS = "#$%&*+=@"  # not what a hasty hand's digits look like, as ( and ? do
CHARACTERS = ascii_letters + SIGNS
HAND_CHARACTERS = "".join(sorted(set(ascii_letters) - set("BDGIJLOQSYZbgijloqsyz"))) + SIGNS
"""Without those that are digits where a hand has written them: a 0 and an o are told apart in print alone."""
FONTS = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr10", "cmss10", "cmtt10", "cmti10", "cmb10")
"""Text faces among those that matplotlib brings; names of files begin like this."""
DISPLAY_FONTS = ("DejaVuSansDisplay", "DejaVuSerifDisplay")  # only a handful of symbols

Random = np.random.Generator
Picture = npt.NDArray[np.uint8]
Stroke = npt.NDArray[np.floating]
"""Points (N, 2), x and y between -1 and 1."""


def outliers(images: Images, count: int, seed: int, files: str | None = None) -> Images:
    """Draws characters, crops of several digits, shapes, scribbles and textures, uint8 (count, 28, 28).

    `images`, uint8 (N, 28, 28), are where the digits of a crop come from; `files`, a pattern as
    `typeset.families` takes it, the typefaces of half of the characters. A seed always draws the same.
    """
    random, hands = np.random.default_rng(seed), typeset.families(files) if files else []
    drawn = _drawn(images, hands, random)
    return np.stack([next(drawn) for _ in range(count)])


def _drawn(images: Images, hands: Families, random: Random) -> Iterator[Picture]:
    kinds: dict[Callable[[], Picture], float] = {
        lambda: _character(hands, random): 0.55,
        lambda: _several(images, random): 0.2,
        lambda: _shape(random): 0.1,
        lambda: _scribble(random): 0.1,
    }
    kind_of, shares = list(kinds), np.array(list(kinds.values()))
    while True:
        if random.random() > shares.sum():
            yield _texture(random)
            continue
        picture = kind_of[random.choice(len(kind_of), p=shares / shares.sum())]()
        try:
            yield to_mnist(picture)
        except UnreadablePicture:  # an erosion may leave nothing of a fine line
            continue


def _character(hands: Families, random: Random) -> Picture:
    """A Latin letter or a sign in a random face: print, or half of them by hands, if there are any."""
    if hands and random.random() < 0.5:
        return typeset.character(random.choice(list(HAND_CHARACTERS)), typeset.face(hands, random), random)
    character, face = random.choice(list(CHARACTERS)), _faces()[random.integers(len(_faces()))]
    return typeset.character(character, face, random)


@cache
def _faces() -> list[ImageFont.FreeTypeFont]:
    files = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf"))
    return [
        typeset.opened(file)
        for file in files
        if file.stem.startswith(FONTS) and file.stem not in DISPLAY_FONTS
    ]


def _several(images: Images, random: Random) -> Picture:
    """Two or three digits in a row, close to each other or touching."""
    row = np.zeros((SIDE_PX + 8, 0), np.uint8)
    for index in random.integers(len(images), size=random.choice([2, 2, 2, 3])):
        row = _joined(row, _cropped(images[index]), random)
    return np.pad(row, 4)


def _cropped(image: Picture) -> Picture:
    x, y, width, height = cv2.boundingRect(image)
    return image[y : y + height, x : x + width]


def _joined(row: Picture, digit: Picture, random: Random) -> Picture:
    height, width = digit.shape
    left = max(0, row.shape[1] + int(random.integers(-2, 5)))
    top = int(np.clip((row.shape[0] - height) // 2 + random.integers(-2, 3), 0, row.shape[0] - height))
    joined = np.pad(row, ((0, 0), (0, max(0, left + width - row.shape[1]))))
    place = joined[top : top + height, left : left + width]
    np.maximum(place, digit, out=place)
    return joined


def _shape(random: Random) -> Picture:
    """A polygon, a star, a cross, an arrow or parallel lines; outlined or filled. No ring: that is a 0."""
    corners = int(random.integers(3, 6))
    kind = random.choice(["polygon", "star", "cross", "arrow", "lines", "disc"])
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + random.uniform(0, 2 * np.pi)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    strokes: dict[str, list[Stroke]] = {
        "polygon": [np.vstack([circle, circle[:1]])],
        "star": [np.vstack([point, -point]) for point in circle],
        "cross": [np.array([[-1, 0], [1, 0]]), np.array([[0, -1], [0, 1]])],
        "arrow": [np.array([[-1, 0], [1, 0]]), np.array([[0.3, 0.6], [1, 0], [0.3, -0.6]])],
        "lines": [np.array([[-1, y], [1, y]]) for y in np.linspace(-0.7, 0.7, corners - 1)],
        "disc": [circle * 0.01],
    }
    turn = random.uniform(-np.pi, np.pi) if kind != "lines" else random.uniform(-0.3, 0.3)
    spun = [
        stroke @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]] for stroke in strokes[kind]
    ]
    width_px = CANVAS_PX // 2 if kind == "disc" else int(random.integers(4, 14))
    return _stroked(spun, width_px, filled=kind == "polygon" and random.random() < 0.5)


def _scribble(random: Random) -> Picture:
    """A smooth random curve that crosses itself, longer than a digit's."""
    knots = random.uniform(-1, 1, size=(int(random.integers(6, 14)), 2))
    smooth = cv2.resize(knots, (2, 40 * len(knots)), interpolation=cv2.INTER_CUBIC)
    return _stroked([np.asarray(smooth, np.float64)], int(random.integers(4, 11)))


def _stroked(strokes: list[Stroke], width_px: int, filled: bool = False) -> Picture:
    """Draws lines through points between -1 and 1."""
    canvas = np.zeros((CANVAS_PX, CANVAS_PX), np.uint8)
    points = [np.round(CANVAS_PX / 2 + stroke * CANVAS_PX / 3).astype(np.int32) for stroke in strokes]
    if filled:
        cv2.fillPoly(canvas, points, 255)
    return np.asarray(cv2.polylines(canvas, points, False, 255, width_px, cv2.LINE_AA), np.uint8)


def _texture(random: Random) -> Picture:
    """Paper without ink, noise fine or coarse, a gradient, a field of ink."""
    kind = random.choice(["paper", "noise", "clouds", "gradient", "field"])
    noise = random.normal(size=(SIDE_PX, SIDE_PX))
    if kind == "clouds":
        blurred = cv2.GaussianBlur(noise, (0, 0), random.uniform(0.7, 4))
        noise = np.asarray(blurred / blurred.std(), np.float64)
    gradient = np.add.outer(*np.linspace(-1, 1, 2 * SIDE_PX).reshape(2, SIDE_PX))
    level, contrast = {
        "paper": (random.uniform(0, 40), random.uniform(0, 12)),
        "noise": (random.uniform(0, 128), random.uniform(20, 128)),
        "clouds": (random.uniform(0, 128), random.uniform(40, 128)),
        "gradient": (random.uniform(64, 192), random.uniform(0, 10)),
        "field": (random.uniform(150, 255), random.uniform(0, 40)),
    }[kind]
    slope = random.uniform(30, 120) if kind == "gradient" else 0.0
    texture: Picture = np.clip(level + contrast * noise + slope * gradient, 0, 255).astype(np.uint8)
    return texture
