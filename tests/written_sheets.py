"""Sheets with numbers on them, written in the digits that the bundled model is delivered with."""

import base64
import json

import cv2
import numpy as np
from bundled import BUNDLED
from composed_pages.canvas import Canvas
from composed_pages.page import Digits
from composed_pages.strokes import strokes_of
from digitserve_client import Page
from numpy.typing import NDArray

HEIGHT_PX = 48
Grey = NDArray[np.uint8]


def _golden() -> Digits:
    """The ten drawn digits that the bundled model is delivered with."""
    samples = json.loads((BUNDLED[-1] / "manifest.json").read_text())["golden_samples"]
    pixels = b"".join(base64.b64decode(sample["pixels"]) for sample in samples)
    images = np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28)
    return Digits(images, np.array([np.argmax(sample["probabilities"]) for sample in samples], np.uint8))


DIGITS = _golden()


def write(canvas: Canvas, text: str, x: int, y: int, step: int = 50, *, height: int = HEIGHT_PX) -> None:
    for place, digit in enumerate(text):
        image = DIGITS.images[list(DIGITS.labels).index(int(digit))]
        strokes = strokes_of(image, height)
        canvas.write(int(digit), strokes, x + step * place, y + height - len(strokes), 220)


def box(canvas: Canvas, x: int, y: int, side: int) -> None:
    cv2.rectangle(canvas.ink, (x, y), (x + side, y + side), 180, 2)


def picture_of(canvas: Canvas) -> Grey:
    return (250 - canvas.ink * 0.9).astype(np.uint8)


def numbered_sheet() -> Canvas:
    """Two numbers on a line of their own, one in boxes below, all of it 900x400 px."""
    canvas = Canvas(400, 900)
    write(canvas, "1470", 60, 60)
    write(canvas, "38", 600, 60)
    for place in range(5):
        box(canvas, 60 + 80 * place, 200, 80)
        write(canvas, "90265"[place], 80 + 80 * place, 216)
    return canvas


def boxes_follow(page: Page, sheet: Canvas, there: NDArray[np.floating | np.integer], near_px: float) -> None:
    """The digits of a page stand where a sheet's, all of which were read, were taken to: by (3, 3)."""
    corners = [cv2.perspectiveTransform(written.quad[np.newaxis], there)[0] for written in sheet.written]
    read = [digit.box.corners for digit in page.digits]
    np.testing.assert_allclose(read, corners, rtol=0, atol=near_px)


def texts(page: Page) -> list[str]:
    return [string.text for string in page.strings]
