"""Digits drawn by strokes, in the forms that are taught in different countries.

MNIST was written in the United States: its 1 is a bar, its 7 is hardly ever crossed. Elsewhere a 1 has a
long flag, a 7 a bar, a 4 is open, a 9 ends in a curl. Each form here is a handful of strokes whose
proportions are drawn anew for every image.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from digitserve_training.data import SIDE_PX, Images
from digitserve_training.digit_forms import FORMS
from digitserve_training.hand import Hand, Random, Stroke
from digitserve_training.paper import on_paper

BOX_PX = 20  # MNIST's: the ink is fitted into it, and its centre of mass is the image's
FINE = 4  # drawn so many times as large, then reduced
PEN_PX = (1.5, 4.0)
NARROW = 0.6  # of the height: below it, a pen as thick would fill what it draws
WIDTH = (0.35, 1.0)  # of the height: from hands that write narrow to sets that stretch a digit to a square
SLANT = (-0.15, 0.4)  # most hands lean to the right,
ITALIC = (0.4, 0.75)  # some a lot

COARSE = 0.4  # the share that is like a scan of few pixels
COARSE_PX = (18, 29)  # of so many across all of the image


def drawn_digits(count: int, seed: int, paper: float = 0.0) -> Images:
    """Draws 0, 1, ... 9, 0, ... in MNIST's manner, uint8 (count, 28, 28), the share `paper` on paper.

    A seed always draws the same.
    """
    random = np.random.default_rng(seed)
    drawn = np.stack([_drawn(digit % 10, random) for digit in range(count)])
    return on_paper(drawn, paper, (seed,))


def _drawn(digit: int, random: Random) -> npt.NDArray[np.uint8]:
    form = FORMS[digit][int(random.integers(len(FORMS[digit])))]
    strokes = [_shaky(stroke, random) for stroke in form(Hand(random))]
    slim = digit == 1 and random.random() < 0.5  # else it is as wide as its flag, stretched at times
    width = random.uniform(*WIDTH) * (0.6 if slim else 1)
    slant = random.uniform(*(ITALIC if random.random() < 0.15 else SLANT))
    leaned = [stroke @ [[width, 0], [-slant, 1]] for stroke in strokes]
    pen_px = random.uniform(*PEN_PX) * min(1, width / NARROW if digit != 1 else 1)
    drawn = _inked(leaned, pen_px, random)
    return perhaps_coarse(drawn, random)


def _shaky(stroke: Stroke, random: Random) -> Stroke:
    """No hand draws a circle: a slow wave runs along."""
    along = np.linspace(0, 1, len(stroke))[:, None]
    wave = np.sin(2 * np.pi * (along * random.uniform(0.5, 1.5) + random.random(2)))
    return stroke + wave * random.uniform(0, 0.05)


def _inked(strokes: Sequence[Stroke], pen_px: float, random: Random) -> npt.NDArray[np.uint8]:
    """Draws strokes into the box with a pen of this width, and brings the ink's centre to the middle."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (BOX_PX - pen_px) / (high - low).max()
    side = SIDE_PX * FINE
    canvas = np.zeros((side, side), np.uint8)
    for stroke in strokes:
        place = ((stroke - (low + high) / 2) * scale + SIDE_PX / 2) * FINE
        line = np.round(place * 2**4).astype(np.int32)
        cv2.polylines(canvas, [line], False, 255, max(1, round(pen_px * FINE)), cv2.LINE_AA, 4)
    soft = np.asarray(cv2.GaussianBlur(canvas, (0, 0), FINE * random.uniform(0.1, 0.5)), np.uint8)
    return np.asarray(cv2.resize(_centred(soft), (SIDE_PX,) * 2, interpolation=cv2.INTER_AREA), np.uint8)


def perhaps_coarse(picture: npt.NDArray[np.uint8], random: Random) -> npt.NDArray[np.uint8]:
    """As it is, uint8 (28, 28), or as if scanned in few pixels, black or white."""
    if random.random() >= COARSE:
        return picture
    side, threshold = int(random.integers(*COARSE_PX)), random.uniform(80, 150)
    few = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA))
    black_and_white = np.where(few > threshold, 255, 0).astype(np.uint8)
    kind = cv2.INTER_CUBIC if random.random() < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(black_and_white, (SIDE_PX, SIDE_PX), interpolation=kind), np.uint8)


def _centred(canvas: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    found = cv2.moments(canvas)
    shift = len(canvas) / 2 - np.array([found["m10"], found["m01"]]) / found["m00"]
    moved = cv2.warpAffine(canvas, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), canvas.shape)
    return np.asarray(moved, np.uint8)
