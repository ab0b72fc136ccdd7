"""What a scanner or a telephone makes of a sheet: tilt, perspective, light, blur, noise, compression."""

import cv2
import numpy as np
from numpy.typing import NDArray

from composed_pages.canvas import Canvas, Quad, Written
from composed_pages.grades import Grade

PAPER = (205, 250)  # grey levels
DESK = (0.15, 0.5)  # times as light as the paper


def photographed(
    canvas: Canvas, grade: Grade, random: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Written]]:
    """The picture, uint8 (H, W), and where the digits are in it."""
    shape = canvas.ink.shape
    homography = _homography(shape, grade, random)
    ink = cv2.warpPerspective(canvas.ink, homography, shape[::-1], flags=cv2.INTER_LINEAR)
    ink = cv2.GaussianBlur(ink, (0, 0), max(0.3, random.uniform(0.3, 1) * grade.blur_px))
    light = random.uniform(*PAPER) * _light(shape, grade, random)
    if grade.desk:
        paper = cv2.warpPerspective(np.ones(shape, np.float32), homography, shape[::-1])
        light *= paper + (1 - paper) * random.uniform(*DESK)
    picture = light * (1 - ink / 255)
    picture += random.normal(0, random.uniform(0.3, 1) * grade.noise, shape)
    return _compressed(picture, grade, random), [_moved(each, homography) for each in canvas.written]


def _homography(shape: tuple[int, ...], grade: Grade, random: np.random.Generator) -> NDArray[np.float64]:
    height, width = shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + random.uniform(-1, 1, (4, 2)) * grade.perspective * width
    degrees = random.uniform(-1, 1) * grade.tilt_degrees
    # Tilted, a sheet shows all of itself only if it is farther away.
    radians = abs(np.radians(degrees))
    scale = 1 / (np.cos(radians) + np.sin(radians) * 0.7)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    if grade.desk:
        moved = moved * (1 - 2.5 * grade.perspective) + 1.25 * grade.perspective * np.array([width, height])
    perspective = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return np.vstack([turn, [0, 0, 1]]) @ perspective


def _light(shape: tuple[int, ...], grade: Grade, random: np.random.Generator) -> NDArray[np.float64]:
    """It falls off towards one side, and a soft shadow lies over a part."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    angle = random.uniform(0, 2 * np.pi)
    along = (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    fall = random.uniform(0, 0.6) * grade.shade
    light = 1 - fall * np.clip(along + 0.5, 0, 1)
    edge = (x - random.uniform(0, width)) * np.cos(angle + 2) + (y - random.uniform(0, height)) * np.sin(
        angle + 2
    )
    shadow = random.uniform(0, 0.6) * grade.shade / (1 + np.exp(-edge / (0.03 * width)))
    return np.asarray(light * (1 - shadow))


def _compressed(picture: NDArray[np.float64], grade: Grade, random: np.random.Generator) -> NDArray[np.uint8]:
    pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if not grade.jpeg:
        return pixels
    quality = int(random.integers(grade.jpeg, 96))
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _moved(written: Written, homography: NDArray[np.float64]) -> Written:
    quad: Quad = cv2.perspectiveTransform(written.quad[np.newaxis], homography)[0]
    return Written(written.digit, quad, written.string)
