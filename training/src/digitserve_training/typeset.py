"""Characters as typefaces show them: hands and schools of many countries, and print.

A typeface that was drawn after somebody's handwriting has forms that strokes of ours would not have.
"""

from functools import cache
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from digitserve_client.imaging import to_mnist
from PIL import Image, ImageDraw, ImageFont

from digitserve_training.data import Images
from digitserve_training.drawn_digits import perhaps_coarse
from digitserve_training.errors import DataError
from digitserve_training.paper import on_paper

CANVAS_PX = 96
"""Characters are drawn on a square of this side, and brought to 28x28 as a user's picture is."""
KINDS = "typefaces (.ttf, .otf or .woff)"
DIGITS = "0123456789"
DIGIT_STRETCH = (0.6, 1.7)  # of their width: some archives stretch each digit to a square
LEFT = 0.6  # of the ink at least, where strokes become finer

Random = np.random.Generator
Picture = npt.NDArray[np.uint8]
Families = list[list[Path]]


def digits(files: str, count: int, seed: int, paper: float = 0.0) -> Images:
    """Draws 0, 1, ... 9, 0, ... in MNIST's manner, uint8 (count, 28, 28), the share `paper` on paper.

    A family is drawn as often as another, however many weights it has. A seed always draws the same.
    Raises DataError as `families` does.
    """
    known, random = families(files), np.random.default_rng(seed)
    drawn = np.stack([_digit(known, str(number % 10), random) for number in range(count)])
    return on_paper(drawn, paper, (seed,))


def families(files: str) -> Families:
    """The files of a pattern, ** for folders of any depth; those of one folder are one family.

    Raises DataError where there is none, or one is no typeface that has digits.
    """
    pattern = Path(files)
    inside = str(pattern.relative_to(pattern.anchor))
    found = sorted(Path(pattern.anchor).glob(inside)) if pattern.name else []
    if not found:
        raise DataError(files, "no file", KINDS)
    for file in found:
        _with_digits(file)
    return [list(family) for _, family in groupby(found, key=lambda file: file.parent)]


def _digit(families: Families, digit: str, random: Random) -> Picture:
    plain = to_mnist(character(digit, face(families, random), random, DIGIT_STRETCH))
    return _whole(perhaps_coarse(plain, random), plain)


def face(families: Families, random: Random) -> ImageFont.FreeTypeFont:
    """Any weight of any family, as `character` takes it."""
    family = families[random.integers(len(families))]
    return _with_digits(family[random.integers(len(family))])


@cache
def _with_digits(file: Path) -> ImageFont.FreeTypeFont:
    try:
        face = opened(file)
    except OSError as error:
        raise DataError(str(file), str(error), KINDS) from error
    if len({bytes(face.getmask(digit)) for digit in DIGITS} - {b""}) < len(DIGITS):
        raise DataError(str(file), "a typeface without digits", "one that has all ten")
    return face


def opened(file: Path) -> ImageFont.FreeTypeFont:
    """In the size that `character` writes. Raises OSError."""
    return ImageFont.truetype(file, CANVAS_PX * 2 // 3)


def character(
    text: str, face: ImageFont.FreeTypeFont, random: Random, stretch: tuple[float, float] = (0.7, 1.3)
) -> Picture:
    """White on black, uint8 (96, 96): leaned, stretched, bolder or finer than the typeface has it."""
    canvas = Image.new("L", (CANVAS_PX, CANVAS_PX))
    ImageDraw.Draw(canvas).text((CANVAS_PX / 2,) * 2, text, font=face, fill=255, anchor="mm")
    lean, width = random.uniform(-0.35, 0.35), random.uniform(*stretch)
    centre = CANVAS_PX / 2
    matrix = np.array([[width, lean, centre * (1 - width - lean)], [0, 1, 0]])
    leaned = cv2.warpAffine(np.asarray(canvas), matrix, (CANVAS_PX, CANVAS_PX))
    return _of_other_weight(np.asarray(leaned, np.uint8), int(random.integers(-2, 5)))


def _of_other_weight(picture: Picture, change_px: int) -> Picture:
    """Bolder or, below 0, finer; as it is where that would break a stroke."""
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (abs(change_px) + 1,) * 2)
    if change_px > 0:
        return np.asarray(cv2.dilate(picture, brush), np.uint8)
    return _whole(np.asarray(cv2.erode(picture, brush), np.uint8), picture)


def _whole(changed: Picture, picture: Picture) -> Picture:
    """The changed picture, or the one before where it has fallen apart or ink has gone."""
    is_whole = _parts(changed) <= _parts(picture) and changed.sum() > LEFT * picture.sum()
    return changed if is_whole else picture


def _parts(picture: Picture) -> int:
    return cv2.connectedComponents((picture > 127).astype(np.uint8))[0]
