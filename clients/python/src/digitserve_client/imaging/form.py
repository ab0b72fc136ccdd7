"""MNIST's form: how it is recognised, and how ink of any size is drawn in it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.images import SIDE_PX
from digitserve_client.imaging.grey import Grey, quantile

BOX_PX = 20  # the ink is fitted into a box of this side
WHITE = 224  # the lightest ink is at least so light, 0 to 255
CENTRE_PX = 14  # of the pixels 0 to 27: where MNIST puts the centre of mass, give or take half a pixel
PEN_PX = 4  # the strokes are worked on at so many pixels for one of the form
THINNEST_PX, BOLDEST_PX = 2.0, 3.2  # strokes are made so bold, or so fine: most of MNIST's are in between
FULL_INK = 0.7  # of the ink is as light as this quantile at most; the rest becomes white
USUAL_PROPORTION = 0.75  # width by height: the geometric mean of MNIST's digits
EDGE_LEVEL = 0.15  # of full ink: where the box around the ink ends
BLUR_PX = 0.5  # of a digit smaller than the box: what its reduction took from its edges


def has_form(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture is in MNIST's form already.

    In the box of 20 px and centred by mass: so are 59,990 of MNIST's 60,000 images, and all that
    `in_form` makes.
    """
    return picture.shape == (SIDE_PX, SIDE_PX) and bool(have_form(picture[np.newaxis])[0])


def have_form(pictures: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which of some pictures (N, 28, 28) are in MNIST's form already: (N,); far faster than one by one."""
    # Twice as fast as sum().
    rows, columns = (np.einsum(sums, pictures, dtype=np.int32) for sums in ("nij->ni", "nij->nj"))
    extents = [_extents(profiles > 0) for profiles in (rows, columns)]
    mass = np.maximum(rows.sum(1), 1)
    centred = [abs(each @ np.arange(SIDE_PX) / mass - CENTRE_PX) <= 0.51 for each in (rows, columns)]
    is_light = pictures.max((1, 2), initial=0) >= WHITE
    return np.asarray((np.maximum(*extents) == BOX_PX) & is_light & centred[0] & centred[1], np.bool_)


def _extents(inked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """From the first to the last pixel with ink in each row of (N, 28); 28 without any."""
    return np.asarray(SIDE_PX - inked[:, ::-1].argmax(1) - inked.argmax(1), np.intp)


def in_form(ink: Grey) -> NDArray[np.uint8]:
    """Ink of any size, 0 to 1, as MNIST would show it: (28, 28) uint8.

    A square picture whose ink reaches all four borders was stretched into it: its digit gets back the
    proportions that most have.

    The strokes are made as bold or as fine as most of MNIST's: a fine pen on a large page would shrink to a
    shade of grey, and a marker to a blot, that the model has never seen.
    """
    if not ink.any():  # what a page's rules have left may be nothing
        return np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    cropped = _cropped(ink)
    proportion = USUAL_PROPORTION if cropped.shape == ink.shape == ink.shape[::-1] else 1.0
    pen = _penned(_framed(_inked(_resized(cropped, PEN_PX * BOX_PX, proportion)), 2 * PEN_PX))
    return _centred(_inked(_resized(_cropped(pen), BOX_PX)))


def _cropped(ink: Grey) -> Grey:
    left, top, width, height = cv2.boundingRect((ink > EDGE_LEVEL * ink.max()).view(np.uint8))
    return ink[top : top + height, left : left + width]


def _resized(ink: Grey, longest_px: int, proportion: float = 1.0) -> Grey:
    scale = longest_px / max(ink.shape)
    height, width = max(1, round(ink.shape[0] * scale)), max(1, round(ink.shape[1] * scale * proportion))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    resized = np.asarray(cv2.resize(ink, (width, height), interpolation=method), np.float32)
    return _sharpened(resized, BLUR_PX * scale) if scale > PEN_PX else resized


def _sharpened(ink: Grey, blur_px: float) -> Grey:
    """By an unsharp mask; of 5,000 of MNIST's digits at half their size it leaves 10 more as they were."""
    return np.asarray(np.maximum(2 * ink - cv2.GaussianBlur(ink, (0, 0), blur_px), 0), np.float32)


def _framed(ink: Grey, px: int) -> Grey:
    return np.asarray(cv2.copyMakeBorder(ink, px, px, px, px, cv2.BORDER_CONSTANT, value=0), np.float32)


def _inked(ink: Grey) -> Grey:
    """With what strokes have lost in the reduction: the bolder third of the ink is full ink again."""
    full = quantile(ink[ink > 0.1 * ink.max()], FULL_INK)
    inked: Grey = np.clip(ink * np.float32(1 / full), 0, 1)
    return inked


def _penned(pen: Grey) -> Grey:
    """With strokes made bolder or finer, if they are out of MNIST's range."""
    stroke_px = _stroke_px(pen) / PEN_PX
    change_px = float(np.clip(stroke_px, THINNEST_PX, BOLDEST_PX)) - stroke_px
    side = round(abs(change_px) * PEN_PX)
    if not side:
        return pen
    tip = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side + 1, side + 1))
    penned = np.asarray(cv2.dilate(pen, tip) if change_px > 0 else cv2.erode(pen, tip), np.float32)
    return penned if penned.max() > 0.5 else pen


def _stroke_px(ink: Grey) -> float:
    """How wide the strokes are: their area is width x length, their outline twice the length.

    The outline of soft ink is the sum of its gradients.
    """
    across = cv2.Sobel(ink, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(ink, cv2.CV_32F, 0, 1, scale=1 / 8)
    return 2 * float(ink.sum()) / max(float(cv2.magnitude(across, down).sum()), 1e-6)


def _centred(ink: Grey) -> NDArray[np.uint8]:
    """In the middle of 28x28 by mass, as near as whole pixels and the borders allow."""
    image = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    top, left = (_offset(ink.sum(1 - axis)) for axis in (0, 1))
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(ink * 255)
    return image


def _offset(profile: Grey) -> int:
    return min(max(round(CENTRE_PX - _centre(profile)), 0), SIDE_PX - len(profile))


def _centre(profile: NDArray[np.floating] | NDArray[np.integer]) -> float:
    return float(profile @ np.arange(len(profile)) / profile.sum())
