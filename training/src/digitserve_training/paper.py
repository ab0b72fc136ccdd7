"""Digits as users send them: inked on paper, photographed or scanned, and prepared by the client.

What comes back is not quite what MNIST shows: strokes are redrawn, edges are as sharp as the picture was,
archives of small scans stretch them, and pens skip. A network that has never seen that (`digits/1`) reads
one digit in 265 less than the same digits in MNIST's own pixels.
"""

import cv2
import numpy as np
import numpy.typing as npt
from digitserve_client.imaging import prepare
from digitserve_client.imaging.form import in_form

from digitserve_training.data import SIDE_PX, Images

Random = np.random.Generator
Ink = npt.NDArray[np.float32]
"""(H, W), 0 paper to 1 ink."""
Picture = npt.NDArray[np.uint8]

ENLARGED = (1.5, 4.0)  # times MNIST's pixels
EDGES = (1.0, 3.0)  # so many times as steep as MNIST's
PEN_PX = 0.7  # of MNIST's: strokes are made bolder by up to that, or finer by less than half of it
SKIPS = 0.15  # the share over which the pen skips once
GAP, REACH = (0.03, 0.06), 0.13  # of the height: how far it skips, and how long the gap is to both sides
MARGIN = (0.1, 0.6)  # of the digit's longer side
PAPER, LEAST_CONTRAST = (150, 250), 70  # grey levels
SLOPE = 0.08  # of the light, from the middle to a border: a standard deviation
BLUR_PX, GRAIN, JPEG_QUALITY = (0.3, 1.2), 8.0, (30, 95)
SCANNED, SCANNED_PX = 0.2, (14, 33)  # the share that is a small scan, as in archives, and of so many pixels
STRETCHED, NARROWEST = 0.3, 0.5  # of these fill a square; a digit whose width by height is less never does
LOST = 0.08  # of the ink at most; where more has gone, or come, the label may not hold any more


def on_paper(images: Images, share: float, seed: tuple[int, ...]) -> Images:
    """So many of the images, by chance, as the client prepares a picture of them; uint8 (N, 28, 28).

    An image of which the client loses a stroke stays as it is. A seed always gives the same.
    """
    chosen = np.flatnonzero(np.random.default_rng(seed).random(len(images)) < share)
    shown = images.copy()
    for number in chosen.tolist():
        shown[number] = _shown(images[number], np.random.default_rng((*seed, number)))
    return shown


def _shown(image: Picture, random: Random) -> Picture:
    meant = np.asarray(image, np.float32) / np.float32(255)
    is_scan = random.random() < SCANNED
    if is_scan and random.random() < STRETCHED:
        meant = _stretched(meant)
    ink = _inked(meant, random)
    if not ink.size:  # so faint, or so fine, that no pen would have drawn it
        return image
    picture = _scanned(ink, random) if is_scan else _photographed(_framed(ink, random), random)
    seen = prepare(picture).image
    return seen if _is_faithful(seen, in_form(meant)) else image


def _stretched(ink: Ink) -> Ink:
    left, top, width, height = _box(ink)
    if not width or width < NARROWEST * height:
        return ink
    cropped = ink[top : top + height, left : left + width]
    return np.asarray(cv2.resize(cropped, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR), np.float32)


def _box(ink: Ink) -> tuple[int, int, int, int]:
    """Left, top, width and height; a width of 0 without ink."""
    left, top, width, height = cv2.boundingRect((ink > 0.3).astype(np.uint8))
    return left, top, width, height


def _inked(soft: Ink, random: Random) -> Ink:
    """Larger, with edges as sharp as a pen's, bolder or finer; cropped to the ink."""
    side = round(SIDE_PX * random.uniform(*ENLARGED))
    soft = np.asarray(cv2.resize(soft, (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    middle = random.uniform(0.35, 0.6)  # what is paler becomes paler still; paper stays paper
    sharp = np.clip((soft - middle) * random.uniform(*EDGES) + middle, 0, 1)
    ink = _penned(sharp.astype(np.float32), random.uniform(-PEN_PX / 2, PEN_PX) * side / SIDE_PX)
    left, top, width, height = _box(ink)
    cropped = ink[top : top + height, left : left + width]
    return _skipped(cropped, random) if height and random.random() < SKIPS else cropped


def _skipped(ink: Ink, random: Random) -> Ink:
    """With a narrow gap where a pen has failed: in any direction across any place with ink."""
    places = np.argwhere(ink > 0.5)
    if not len(places):
        return ink
    y, x = places[random.integers(len(places))]
    angle, reach = random.uniform(0, np.pi), REACH * len(ink)
    across = np.array([np.cos(angle), np.sin(angle)]) * reach
    ends = [tuple(np.round([x, y] + sign * across).astype(int).tolist()) for sign in (-1, 1)]
    gap = np.zeros_like(ink)
    cv2.line(gap, ends[0], ends[1], 1.0, max(1, round(random.uniform(*GAP) * len(ink))), cv2.LINE_AA)
    return np.asarray(ink * (1 - gap), np.float32)


def _framed(ink: Ink, random: Random) -> Ink:
    """With paper around."""
    return np.pad(ink, np.round(random.uniform(*MARGIN, (2, 2)) * max(ink.shape)).astype(int))


def _penned(ink: Ink, change_px: float) -> Ink:
    side = 1 + round(abs(change_px))
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray((cv2.dilate if change_px > 0 else cv2.erode)(ink, pen), np.float32)


def _photographed(ink: Ink, random: Random) -> Picture:
    """Dark on light most of the time; light that falls off, blur, grain, and at times JPEG's."""
    paper = random.uniform(*PAPER)
    pen = random.uniform(0, paper - LEAST_CONTRAST)
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in ink.shape)
    light = 1 + random.normal(0, SLOPE) * x + random.normal(0, SLOPE) * y[:, np.newaxis]
    sharp = (paper + (pen - paper) * ink) * light
    photo = cv2.GaussianBlur(sharp, (0, 0), random.uniform(*BLUR_PX) * max(ink.shape) / 80)
    grain = random.normal(0, random.uniform(0, GRAIN), ink.shape)
    picture = np.clip(photo + grain, 0, 255).astype(np.uint8)
    if random.random() < 0.4:
        picture = _compressed(picture, int(random.integers(*JPEG_QUALITY)))
    return 255 - picture if random.random() < 0.2 else picture


def _scanned(ink: Ink, random: Random) -> Picture:
    """In few pixels, grey or black and white, in a square that it fills from top to bottom."""
    side = int(random.integers(*SCANNED_PX))
    height, width = (max(1, round(side * length / max(ink.shape))) for length in ink.shape)
    few = np.asarray(cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    if random.random() < 0.6:
        few = (few > random.uniform(0.3, 0.55)).astype(np.float32)
    space = np.array([side - height, side - width]) + int(random.integers(3))
    picture = np.pad(few * 255, np.stack([space // 2, space - space // 2], axis=1)).astype(np.uint8)
    return 255 - picture if random.random() < 0.5 else picture


def _compressed(picture: Picture, quality: int) -> Picture:
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)


def _is_faithful(seen: Picture, meant: Picture) -> bool:
    """Whether hardly any ink of either is away from that of the other."""
    return max(_away(seen, meant), _away(meant, seen)) <= LOST


def _away(one: Picture, other: Picture) -> float:
    ink, near = one > 127, np.asarray(cv2.dilate(other, np.ones((3, 3), np.uint8))) > 64
    return float(np.count_nonzero(ink & ~near)) / max(1, int(np.count_nonzero(ink)))
