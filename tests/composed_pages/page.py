"""Composes whole pages, row after row: strings on plain paper, ruled lines, boxes, combs, tables, text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composed_pages.canvas import FONTS, Canvas, Written
from composed_pages.grades import Grade
from composed_pages.photo import photographed
from composed_pages.strokes import strokes_of

WORDS = (
    *("Name", "Form", "Please", "return", "the", "sheet", "to", "office", "before", "Friday", "Postcode"),
    *(
        "Street",
        "City",
        "Telephone",
        "Amount",
        "Total",
        "Meter",
        "reading",
        "Customer",
        "number",
        "Signature",
    ),
    *("and", "date", "of", "birth", "Received", "with", "thanks", "Page", "from", "Reference"),
)
MARGIN = 0.08  # of the width
TIGHT, WIDE = 0.12, 0.4  # between the digits of a string, in heights


class Digits(NamedTuple):
    """Images as MNIST's, uint8 (N, 28, 28), and what they show, (N,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class Size(NamedTuple):
    """Of a page, in px, and how many digits it has at most."""

    height_px: int
    width_px: int
    most: int = 200


A4_150_DPI = Size(1754, 1240)


@dataclass(frozen=True, slots=True, eq=False)
class ComposedPage:
    """A picture, uint8 (H, W), dark on light, and the digits on it."""

    picture: NDArray[np.uint8]
    written: list[Written]


def compose(grade: Grade, seed: int, digits: Digits, size: Size = A4_150_DPI) -> ComposedPage:
    """A page of the given size and grade; the same for the same arguments."""
    composer = _Composer(grade, np.random.default_rng([seed, len(grade.name)]), digits, size)
    composer.fill()
    picture, written = photographed(composer.canvas, grade, composer.random)
    return ComposedPage(picture, written)


class _Composer:
    def __init__(self, grade: Grade, random: np.random.Generator, digits: Digits, size: Size) -> None:
        self.grade, self.random, self.digits, self.most = grade, random, digits, size.most
        self.canvas = Canvas(size.height_px, size.width_px)
        self.unit = size.height_px / A4_150_DPI.height_px
        self.left, self.right = (round(each * size.width_px) for each in (MARGIN, 1 - MARGIN))
        self.darkness = 255 - random.uniform(0, grade.ink)
        self.print_darkness = random.uniform(120, 230)
        self.line_px = max(1, round(random.uniform(1, 2.6) * self.unit))
        self.height = 40

    def fill(self) -> None:
        rows: tuple[Callable[[int], None], ...] = (
            self.plain,
            self.ruled,
            self.boxes,
            self.comb,
            self.table,
            self.words,
            self.labelled,
        )
        y = round(MARGIN * self.canvas.height_px)
        while len(self.canvas.written) < self.most - 12:
            self.height = round(self.random.uniform(*self.grade.height_px) * self.unit)
            step = round(self.height * self.random.uniform(1.9, 2.6))
            if y + step > (1 - MARGIN) * self.canvas.height_px:
                break
            self.random.choice(np.array(rows, object))(y + (step - self.height) // 2)
            y += step
        self.specks()

    def plain(self, y: int) -> None:
        x = self.left
        while x < self.right - 6 * self.height:
            x = self.string(x, y, int(self.random.integers(1, 9))) + round(
                self.height * self.random.uniform(2.2, 4)
            )

    def ruled(self, y: int) -> None:
        base = y + self.height * self.random.uniform(1.06, 1.2)
        if self.random.random() < self.grade.reach * 2:
            base = y + self.height * self.random.uniform(0.8, 1.0)
        self.canvas.line((self.left, base), (self.right, base), self.line_px, self.print_darkness)
        self.plain(y)

    def text(self, words: str, x: int, y: int, size_px: int, font: int) -> int:
        return self.canvas.text(words, (x, y + self.height), size_px, font, self.print_darkness)

    def labelled(self, y: int) -> None:
        font = int(self.random.choice(FONTS))
        word = str(self.random.choice(WORDS)) + ":"
        x = self.text(word, self.left, y, self.height // 2, font)
        self.string(x + 2 * self.height, y, int(self.random.integers(2, 9)))

    def words(self, y: int) -> None:
        font, x = int(self.random.choice(FONTS)), self.left
        size_px = round(self.height * self.random.uniform(0.35, 0.7))
        while x < self.right - 8 * size_px:
            word = str(self.random.choice(WORDS))
            x = self.text(word, x, y, size_px, font) + size_px

    def boxes(self, y: int) -> None:
        """One box for each digit, apart from each other or side by side."""
        side, count = round(self.height * self.random.uniform(1.35, 1.6)), int(self.random.integers(4, 9))
        gap = 0 if self.random.random() < 0.6 else round(self.height * self.random.uniform(0.15, 0.3))
        top = y + (self.height - side) // 2
        for place in range(count):
            x = self.left + place * (side + gap)
            self.box(x, top, x + side, top + side)
            self.in_cell(x, y, side)
        self.canvas.end_string()

    def comb(self, y: int) -> None:
        """A base line with ticks between the digits."""
        step, count = round(self.height * self.random.uniform(1.2, 1.5)), int(self.random.integers(5, 10))
        base, tick = y + round(1.2 * self.height), round(self.height * self.random.uniform(0.3, 0.7))
        end = self.left + count * step
        self.canvas.line((self.left, base), (end, base), self.line_px, self.print_darkness)
        for place in range(count + 1):
            x = self.left + place * step
            self.canvas.line((x, base - tick), (x, base), self.line_px, self.print_darkness)
        for place in range(count):
            self.in_cell(self.left + place * step, y, step)
        self.canvas.end_string()

    def table(self, y: int) -> None:
        """A row of cells, each with a number of two digits or more."""
        columns, top = int(self.random.integers(3, 5)), y - round(0.3 * self.height)
        width, bottom = (self.right - self.left) // columns, y + round(1.3 * self.height)
        for column in range(columns):
            x = self.left + column * width
            self.box(x, top, x + width, bottom)
            most = int((width - self.height) // (1.2 * self.height))
            self.string(x + self.height // 2, y, int(self.random.integers(2, max(3, most))))

    def box(self, left: int, top: int, right: int, bottom: int) -> None:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            self.canvas.line(start, end, self.line_px, self.print_darkness)

    def in_cell(self, x: int, y: int, side: int) -> None:
        digit, strokes = self.digit()
        room = side - strokes.shape[1]
        dx = room // 2 + round(self.random.uniform(-0.25, 0.25) * max(room, 0))
        if self.random.random() < self.grade.reach:
            dx = int(self.random.choice([-2, room + 2]))
        self.canvas.write(digit, strokes, x + dx, y + self.height - len(strokes), self.darkness)

    def string(self, x: int, y: int, count: int) -> int:
        """Writes digits side by side; returns where they end."""
        spacing = self.random.uniform(TIGHT, WIDE)
        for place in range(count):
            digit, strokes = self.digit()
            if x + strokes.shape[1] > self.right:
                break
            if place and self.random.random() < self.grade.touching:
                x -= round(self.height * (spacing + 0.04))
            drop = self.random.uniform(-0.05, 0.05) * self.height
            self.canvas.write(digit, strokes, x, round(y + self.height - len(strokes) + drop), self.darkness)
            x += strokes.shape[1] + round(self.height * spacing * self.random.uniform(0.8, 1.2))
        self.canvas.end_string()
        return x

    def digit(self) -> tuple[int, NDArray[np.float32]]:
        index = int(self.random.integers(len(self.digits.images)))
        broken = self.random if self.random.random() < self.grade.broken else None
        height = round(self.height * self.random.uniform(0.92, 1.08))
        return int(self.digits.labels[index]), strokes_of(self.digits.images[index], height, broken=broken)

    def specks(self) -> None:
        for _ in range(int(self.random.integers(0, self.grade.specks + 1))):
            x, y = (self.random.uniform(0, side) for side in (self.canvas.width_px, self.canvas.height_px))
            px = int(self.random.integers(1, 5) * self.unit) or 1
            self.canvas.line((x, y), (x + self.random.uniform(0, 3), y), px, self.random.uniform(60, 200))
