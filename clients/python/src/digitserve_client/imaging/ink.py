"""What stands out from the paper of a picture: how full its ink is, and which of it is the digit."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from digitserve_client.findings import Polarity
from digitserve_client.imaging.grey import SAMPLES, Grey, Mask, quantile
from digitserve_client.imaging.lines import Frame, find_frame
from digitserve_client.imaging.paper import MIN_CONTRAST
from digitserve_client.imaging.parts import SMALL_SIDE_PX, find_digit

WHITE, DARKEST_PAPER = 255.0, 32.0  # grey levels
NOISE_SIGMAS = 2.5  # paper texture reaches this far from the ground, hardly ever further
INK_TO_NOISE = 1.6  # ink stands out from that at least so much; what is left of noise alone does not
LINE_LEVEL = 0.25  # of full ink: fainter lines are below the threshold of the digit anyway
ROUGH, CROWDED, BORDERED = 0.25, 0.35, 0.12  # more noise, ink, or ink at the border than this is doubtful
# A digit leaves the corners of a picture free. The square of their number counts: one may be a stroke's, four
# are the ground's.
CORNER_DOUBT = 0.05
GRAIN_SIGMAS, FAINT_SHARE = 4.0, 0.2  # of the grain, and of full ink: what stands out less is paper


class Levels(NamedTuple):
    """Contrasts to the ground, in grey levels of 255: where ink begins, what is surely ink, full ink."""

    low: float
    threshold: float
    full: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """One account of a picture: this is paper, and that is the ink of the digit.

    ink: 0 to 1, soft at its edges, 0 where the digit is not. mask: 1 where it surely is.
    contrast: of full ink, in grey levels of 255. several: whether there are parts like digits.
    doubt: from 0, how much the account leaves unexplained; above about 0.1 it may be wrong.
    """

    ink: Grey
    mask: Mask
    polarity: Polarity
    contrast: float
    several: bool
    doubt: float

    @property
    def share(self) -> float:
        """Of the pixels that are ink, 0 to 1."""
        return float(np.count_nonzero(self.mask)) / self.mask.size

    @property
    def margins(self) -> tuple[float, float, float, float]:
        """Paper above, below, left and right of the ink, in shares of the picture's height and width."""
        left, top, width, height = cv2.boundingRect(self.mask)
        rows, columns = self.mask.shape
        return top / rows, 1 - (top + height) / rows, left / columns, 1 - (left + width) / columns

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the ink."""
        _, _, width, height = cv2.boundingRect(self.mask)
        return width, height


def read(grey: Grey, ground: Grey, *, dark_ink: bool, grain: float) -> Reading | None:
    """The ink on that ground; None when there is none. `grain` is that of the picture."""
    contrast = _contrast(grey, ground, dark_ink=dark_ink)
    noise = _noise(contrast)
    levels = _levels(contrast, noise)
    line_level = 0.0 if levels is None else max(levels.low, MIN_CONTRAST, LINE_LEVEL * levels.full)
    frame = None if levels is None else find_frame(_above(contrast, line_level))
    if frame is not None:  # the digit may be fainter than the lines
        gone = (frame.mask > 0) | ((frame.halo > 0) & (contrast <= line_level))
        np.minimum(contrast, 0, out=contrast, where=gone)
        beside = _levels(contrast[frame.halo == 0], noise)
        if beside is not None:  # what a line and a stroke share is as dark as the darker of them
            np.minimum(contrast, beside.full, out=contrast, where=frame.halo > 0)
        levels = _levels(contrast, noise)
    digit = None if levels is None else find_digit(_above(contrast, levels.threshold), frame)
    if levels is None or digit is None:
        return None
    soft = cv2.dilate(digit.mask, np.ones((3, 3), np.uint8))  # with the soft edge of the ink
    return Reading(
        ink=_ink(contrast, levels) * soft,
        mask=digit.mask,
        polarity=Polarity.DARK_ON_LIGHT if dark_ink else Polarity.LIGHT_ON_DARK,
        contrast=levels.full,
        several=digit.several,
        doubt=_doubt(contrast, levels, digit.mask, frame, grain),
    )


def _ink(contrast: Grey, levels: Levels) -> Grey:
    return np.asarray(np.clip((contrast - levels.low) / (levels.full - levels.low), 0, 1), np.float32)


def _contrast(grey: Grey, ground: Grey, *, dark_ink: bool) -> Grey:
    """How much each pixel differs from the ground below it, positive for ink, in grey levels."""
    if not dark_ink:
        return grey - ground
    # What is dark takes a share of the light that falls on the paper there; in shade, of less light.
    share = WHITE / np.maximum(ground, DARKEST_PAPER)
    return np.asarray((ground - grey) * share, np.float32)


def _noise(contrast: Grey) -> float:
    """Ink is above the ground, so what is below shows the noise: 1.4826 medians are a standard deviation."""
    some = contrast.ravel()[:: max(1, contrast.size // SAMPLES)]
    below = some[some <= 0]
    return -1.4826 * quantile(below, 0.5) if below.size else 0.0


def _levels(contrast: Grey, noise: float) -> Levels | None:
    """The levels of a picture's ink; None when it has none."""
    low = NOISE_SIGMAS * noise
    some = contrast[contrast > max(low, MIN_CONTRAST)]
    if not some.size:
        return None
    split = _otsu(some)
    full = quantile(some[some >= split], 0.5)
    # Where all of it is ink, Otsu's split runs through the ink: half of full ink is ink for certain.
    return Levels(low, max(low, min(split, full / 2)), full) if full > INK_TO_NOISE * low else None


def _otsu(values: Grey) -> float:
    """The threshold that splits values into the two most uniform classes (Otsu 1979)."""
    lowest, highest = float(values.min()), float(values.max())
    if highest - lowest < 1:  # less than a grey level: there is nothing to split
        return lowest
    step = (highest - lowest) / 255
    bytes_ = ((values - lowest) / step).astype(np.uint8)
    threshold, _ = cv2.threshold(bytes_, 0, 1, cv2.THRESH_OTSU)
    return lowest + float(threshold) * step


def _above(contrast: Grey, level: float) -> Mask:
    return np.asarray(contrast > level).view(np.uint8)


def _doubt(contrast: Grey, levels: Levels, digit: Mask, frame: Frame | None, grain: float) -> float:
    """What differs from the paper and is no ink, and what is unlike a digit's picture."""
    border = np.concatenate([digit[0], digit[-1], digit[:, 0], digit[:, -1]])
    corners = contrast[[0, 0, -1, -1], [0, -1, 0, -1]] > levels.threshold
    reach = np.ones((3, 3) if min(contrast.shape) < SMALL_SIDE_PX else (5, 5), np.uint8)
    explained = cv2.dilate(digit if frame is None else digit | frame.mask, reach)
    level = max(GRAIN_SIGMAS * grain, MIN_CONTRAST, FAINT_SHARE * levels.full)
    left_over = (np.abs(contrast) > level) & (explained == 0)
    return (
        float(np.count_nonzero(left_over)) / contrast.size
        + max(0.0, levels.low / levels.full - ROUGH)
        + max(0.0, float(np.count_nonzero(digit)) / digit.size - CROWDED)
        + max(0.0, float(np.count_nonzero(border)) / border.size - BORDERED)
        + CORNER_DOUBT * int(np.count_nonzero(corners)) ** 2
    )
