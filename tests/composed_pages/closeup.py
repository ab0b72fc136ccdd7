"""Composes close-ups: one number that fills its picture, as someone photographs or crops it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from composed_pages.canvas import Canvas, Ink
from composed_pages.grades import Grade
from composed_pages.page import ComposedPage, Digits
from composed_pages.photo import photographed
from composed_pages.strokes import strokes_of

MOST = 10  # digits
SIDES_PX = (60, 3000)  # of the picture's longer side, evenly by its logarithm
LEAST_PX = 20  # of the height of a digit: smaller ones cannot be read
FILLED = (0.3, 0.95)  # of the picture's height and of its width
PENS = (-0.02, 0.1)  # of a digit's height: strokes are finer or bolder than MNIST's
GAPS = (0.1, 0.4)  # of a digit's height, between digits
LEANING = 0.12  # px a px: room for the tilt


def compose_close_up(grade: Grade, seed: int, digits: Digits) -> ComposedPage:
    """A picture of a number of 1 to 10 digits; the same for the same arguments."""
    random = np.random.default_rng([seed, len(grade.name)])
    side_px = round(np.exp(random.uniform(*np.log(SIDES_PX))))
    count = int(random.choice([random.integers(1, 4), random.integers(1, MOST + 1)]))
    height, width = _proportions(count, random)
    while count > 1 and side_px / max(height, width) < LEAST_PX:
        count -= 1
        height, width = _proportions(count, random)
    unit = max(side_px / max(height, width), LEAST_PX)
    canvas = Canvas(round(height * unit), round(width * unit))
    chosen = random.integers(len(digits.images), size=count)
    number = Digits(digits.images[chosen], digits.labels[chosen])
    _write(canvas, number, unit, 255 - random.uniform(0, grade.ink), random)
    picture, written = photographed(canvas, grade, random)
    return ComposedPage(picture, written)


def _proportions(count: int, random: np.random.Generator) -> tuple[float, float]:
    """Height and width of the picture, in heights of a digit, with room for the tilt."""
    long = 0.7 * count + np.mean(GAPS) * (count - 1)
    height, width = 1 / random.uniform(*FILLED, 2)
    return max(height, 1.03 + LEANING * (long - 1)), max(long * width, 1.03)


def _write(canvas: Canvas, number: Digits, unit: float, darkness: float, random: np.random.Generator) -> None:
    """The number, somewhere in the middle of the picture."""
    pen, gap = random.uniform(*PENS), random.uniform(*GAPS)
    drawn = [_penned(image, unit, pen, random) for image in number.images]
    room = max(0, canvas.width_px - sum(each.shape[1] for each in drawn))
    step = min(gap * unit, 0.9 * room / len(drawn))
    x = round((room - step * (len(drawn) - 1)) * random.uniform(0.3, 0.7))
    y = round((canvas.height_px - unit) * random.uniform(0.4, 0.6))
    for label, strokes in zip(number.labels, drawn, strict=True):
        top = min(y + round((unit - len(strokes)) / 2), canvas.height_px - len(strokes))
        inside = strokes[:, : canvas.width_px - x]  # a wide digit may be a pixel wider than the picture
        canvas.write(int(label), inside, x, max(0, top), darkness)
        x += strokes.shape[1] + round(step)
    canvas.end_string()


def _penned(image: NDArray[np.uint8], unit: float, pen: float, random: np.random.Generator) -> Ink:
    """A digit drawn by a finer or bolder pen, about `unit` px high with it."""
    height_px = unit * (0.98 - max(pen, 0)) * random.uniform(0.9, 1)
    tip = max(1, round(abs(pen) * unit))
    margin = tip + 2
    strokes = np.pad(strokes_of(image, round(height_px)), margin)
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (tip, tip))
    drawn = cv2.dilate(strokes, shape) if pen > 0 else cv2.erode(strokes, shape)
    if drawn.max() < 0.9:  # so fine a pen leaves nothing of a small digit
        drawn = strokes
    left, top, width, height = cv2.boundingRect((drawn > 0.3).astype(np.uint8))
    return np.asarray(drawn[top : top + height, left : left + width], np.float32)
