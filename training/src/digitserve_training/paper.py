"""Digits as users send them: inked on paper, photographed, and brought back into MNIST's form by the client.

What comes back is not quite what MNIST shows: strokes are redrawn, edges are as sharp as the picture was. A
network that has never seen that reads one digit in 500 less than the same digits in MNIST's own pixels.
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
MARGIN = (0.1, 0.6)  # of the digit's longer side
PAPER, LEAST_CONTRAST = (150, 250), 70  # grey levels
SLOPE = 0.08  # of the light, from the middle to a border: a standard deviation
BLUR_PX, GRAIN, JPEG_QUALITY = (0.3, 1.2), 8.0, (30, 95)
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
    ink = _inked(image, random)
    if not ink.size:  # so faint, or so fine, that no pen would have drawn it
        return image
    seen = prepare(_photographed(ink, random)).image
    return seen if _is_faithful(seen, in_form(_ink(image))) else image


def _ink(image: Picture) -> Ink:
    return np.asarray(image, np.float32) / np.float32(255)


def _inked(image: Picture, random: Random) -> Ink:
    """Larger, with edges as sharp as a pen's, bolder or finer, and with paper around."""
    side = round(SIDE_PX * random.uniform(*ENLARGED))
    soft = np.asarray(cv2.resize(_ink(image), (side, side), interpolation=cv2.INTER_CUBIC), np.float32)
    middle = random.uniform(0.35, 0.6)  # what is paler becomes paler still; paper stays paper
    sharp = np.clip((soft - middle) * random.uniform(*EDGES) + middle, 0, 1)
    ink = _penned(sharp.astype(np.float32), random.uniform(-PEN_PX / 2, PEN_PX) * side / SIDE_PX)
    left, top, width, height = cv2.boundingRect((ink > 0.3).astype(np.uint8))
    if not width:
        return np.empty((0, 0), np.float32)
    margins = np.round(random.uniform(*MARGIN, (2, 2)) * max(width, height)).astype(int)
    return np.pad(ink[top : top + height, left : left + width], margins)


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


def _compressed(picture: Picture, quality: int) -> Picture:
    _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)


def _is_faithful(seen: Picture, meant: Picture) -> bool:
    """Whether hardly any ink of either is away from that of the other."""
    return max(_away(seen, meant), _away(meant, seen)) <= LOST


def _away(one: Picture, other: Picture) -> float:
    ink, near = one > 127, np.asarray(cv2.dilate(other, np.ones((3, 3), np.uint8))) > 64
    return float(np.count_nonzero(ink & ~near)) / max(1, int(np.count_nonzero(ink)))
