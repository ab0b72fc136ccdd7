"""From any picture of one digit to the 28x28 that the model knows. Needs the extra `images` (Pillow).

The model knows MNIST's way of drawing, made from NIST's scans as in LeCun et al., "Gradient-based learning
applied to document recognition" (1998), section III.A: white ink on black, cropped to the ink, fitted
into a 20 px box with its proportions kept, and placed with the centre of mass in the middle of 28x28.
A classifier that reads 99 % of such digits misreads every third one that is not brought into this form.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitserve_client.errors import UnreadablePicture
from digitserve_client.images import SIDE_PX, Picture
from digitserve_client.pictures import name_of, read_picture, resized

__all__ = ["read_picture", "to_mnist"]

BOX_PX = 20  # the ink is fitted into a box of this side
CENTRE_PX = 14  # of the pixels 0 to 27: where MNIST puts the centre of mass, give or take half a pixel
STROKE_PX = 2.5  # median width of MNIST's strokes; finer ones are made as bold
PEN_BOX_PX = 80  # where the width of strokes is measured and made up: four times the final box
WHITE, DARKEST_PAPER = 255.0, 32.0  # grey levels
MIN_CONTRAST = 12.0  # grey levels of 255 between ground and ink; below, a picture counts as blank
NOISE_SIGMAS = 2.5  # paper texture reaches this far from the ground, hardly ever further
INK_TO_NOISE = 1.4  # ink stands out from that at least so much; what is left of noise alone does not
SHADED_SIDE_PX = 32  # smaller pictures are lit evenly
SAMPLES = 4096  # pixels of the ground that its light is measured at, about
CELLS = 64  # specks are looked for in a grid of at most so many cells a side
DIGIT_SHARE = 0.25  # of all ink is in its largest part at least; otherwise it is all specks
SPECK_SHARE = 0.05  # what has less than this share of the largest component's ink is a speck

Grey: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]


class Levels(NamedTuple):
    """Contrasts to the ground, in grey levels of 255: where ink begins, what is surely ink, full ink."""

    low: float
    threshold: float
    full: float


def to_mnist(picture: Picture) -> NDArray[np.uint8]:
    """The one digit of a picture as the model wants it: (28, 28) uint8, white ink on black.

    The picture may be a photo or a scan of any size, dark on light or light on dark, unevenly lit, with
    transparency (white shows through) and with small specks, which are left out.
    Raises UnreadablePicture when it cannot be decoded or shows no ink, OSError when it cannot be opened.
    """
    grey = np.asarray(read_picture(picture), np.float32)
    contrast = _contrast(grey)
    levels = _levels(contrast)
    mask = None if levels is None else _without_specks(contrast > levels.threshold)
    if levels is None or mask is None:
        raise UnreadablePicture(name_of(picture), "no digit in it: the picture is blank or too faint")
    ink = np.clip((contrast - levels.low) / (levels.full - levels.low), 0, 1) * _grown(mask)
    return _centred(_fitted(_cropped(ink)))


def _contrast(grey: Grey) -> Grey:
    """How much each pixel differs from the ground below it, positive for ink, in grey levels."""
    ground = _ground(grey)
    contrast = grey - ground
    # Noise is as often above the ground as below; ink is on one side, and far: the third power shows it.
    if np.sum(contrast.astype(np.float64) ** 3) >= 0:
        return contrast
    # What is dark takes a share of the light that falls on the paper there; in shade, of less light.
    paper: Grey = np.maximum(ground, DARKEST_PAPER)
    return -contrast * (WHITE / paper)


def _ground(grey: Grey) -> Grey:
    """The light of the paper at each pixel: first as the border shows it, then as all of the paper does."""
    plane = _surface(grey, _typical(grey, _border(grey.shape)), degree=1)
    paper = np.abs(grey - plane) <= MIN_CONTRAST
    shaded = min(grey.shape) >= SHADED_SIDE_PX and paper.any()
    return _surface(grey, paper, degree=2) if shaded else plane


def _border(shape: tuple[int, ...]) -> Mask:
    border = np.ones(shape, np.bool_)
    rim = [max(1, side // 20) for side in shape]
    border[rim[0] : -rim[0], rim[1] : -rim[1]] = False
    return border


def _typical(grey: Grey, border: Mask) -> Mask:
    """The pixels of the border that are ground: near what is most frequent, not crossed by ink."""
    rim = grey[border]
    # A digit cut out tightly may hold most of the border, a bold one most of the picture: both have a say.
    sample = np.concatenate([rim, grey.ravel()[:: max(1, grey.size // rim.size)]])
    middle = np.percentile(sample, 50, method="lower")  # one of the values, never between two
    spread = np.median(np.abs(sample - middle))
    near: Mask = np.abs(grey - middle) <= np.clip(3 * spread, MIN_CONTRAST, 64)
    return border & near if (border & near).any() else near


def _surface(grey: Grey, where: Mask, degree: int) -> Grey:
    """The plane (degree 1) or the curved surface (degree 2) that fits the pixels of `where` best."""
    rows, columns = (np.linspace(-1, 1, side, dtype=np.float32) for side in grey.shape)
    y, x = np.broadcast_arrays(rows[:, np.newaxis], columns)
    terms = np.stack([x**i * y**j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=-1)
    samples = np.flatnonzero(where)[:: max(1, np.count_nonzero(where) // SAMPLES)]
    measured = terms.reshape(-1, terms.shape[-1])[samples]
    weights, *_ = np.linalg.lstsq(measured, grey.ravel()[samples], rcond=None)
    surface: Grey = terms @ weights
    return surface


def _levels(contrast: Grey) -> Levels | None:
    """The levels of a picture's ink; None when it has none."""
    # Ink is above the ground, so what is below shows the noise: 1.4826 medians are a standard deviation.
    noise = 1.4826 * float(np.median(-contrast[contrast <= 0])) if (contrast <= 0).any() else 0.0
    low = NOISE_SIGMAS * noise
    some = contrast[contrast > max(low, MIN_CONTRAST)]
    if not some.size:
        return None
    split = _otsu(some)
    full = float(np.median(some[some >= split]))
    # Where all of it is ink, Otsu's split runs through the ink: half of full ink is ink for certain.
    return Levels(low, min(split, full / 2), full) if full > INK_TO_NOISE * low else None


def _otsu(values: Grey) -> float:
    """The threshold that splits values into the two most uniform classes (Otsu 1979)."""
    if np.ptp(values) < 1:  # less than a grey level: there is nothing to split
        return float(values.min())
    counts, edges = np.histogram(values.astype(np.float64), 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts)[:-1], np.cumsum(counts[::-1])[::-1][1:]
    sums = counts * middles
    mean_below = np.cumsum(sums)[:-1] / np.maximum(below, 1)
    mean_above = np.cumsum(sums[::-1])[::-1][1:] / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (mean_above - mean_below) ** 2)])


def _without_specks(mask: Mask) -> Mask | None:
    """Without the parts that hold little ink, told on a coarse grid: dust, texture. None if all are such."""
    cell_px = -(-max(mask.shape) // CELLS)
    ink = _cell_sums(mask, cell_px)
    labels = np.arange(1, ink.size + 1).reshape(ink.shape) * (ink > 0)
    while True:  # the highest number of each part spreads over it
        spread = np.maximum.reduce(_neighbours(labels)) * (ink > 0)
        if np.array_equal(spread, labels):
            break
        labels = spread
    part_ink = np.bincount(labels.ravel(), ink.ravel())
    if part_ink.max() < DIGIT_SHARE * part_ink.sum():
        return None
    kept = (part_ink >= SPECK_SHARE * part_ink.max())[labels]
    kept_px: Mask = kept.repeat(cell_px, 0).repeat(cell_px, 1)[: mask.shape[0], : mask.shape[1]]
    return mask & kept_px


def _cell_sums(mask: Mask, cell_px: int) -> NDArray[np.int64]:
    padded = np.pad(mask, [(0, -side % cell_px) for side in mask.shape])
    rows, columns = (side // cell_px for side in padded.shape)
    sums: NDArray[np.int64] = padded.reshape(rows, cell_px, columns, cell_px).sum((1, 3), dtype=np.int64)
    return sums


def _neighbours(array: NDArray[Any]) -> list[NDArray[Any]]:
    """The array shifted by one in all eight directions and not at all, row by row, 0 beyond the border.

    Those at odd places are the four that share an edge.
    """
    padded = np.pad(array, 1)
    rows, columns = array.shape
    return [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]


def _grown(mask: Mask) -> Mask:
    """One pixel larger: with the soft edge of the ink."""
    grown: Mask = np.logical_or.reduce(_neighbours(mask))
    return grown


def _cropped(ink: Grey) -> Grey:
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fitted(ink: Grey) -> Grey:
    """Into the 20 px box, with its proportions kept, strokes as bold as MNIST's and full ink white.

    A fine pen on a large page would otherwise shrink to a shade of grey that the model has never seen.
    """
    if max(ink.shape) > PEN_BOX_PX:
        ink = _inked(resized(ink, PEN_BOX_PX))
    missing_px = STROKE_PX * max(ink.shape) / BOX_PX - _stroke_px(ink)
    for _ in range(round(missing_px / 2)):
        ink = _bolder(ink)
    return _inked(resized(ink, BOX_PX))


def _bolder(ink: Grey) -> Grey:
    """One pixel larger on each side; diamonds in place of squares keep round corners round."""
    padded = np.pad(ink, 1)
    bolder: Grey = np.maximum.reduce([padded, *_neighbours(padded)[1::2]])
    return bolder


def _inked(ink: Grey) -> Grey:
    """With what strokes have lost in the reduction: the bolder third of the ink is full ink again."""
    full = np.percentile(ink[ink > 0.1 * ink.max()], 70)
    inked: Grey = np.clip(ink / full, 0, 1)
    return inked


def _stroke_px(ink: Grey) -> float:
    """How wide the strokes are: their area is width x length, their outline twice the length."""
    mask = ink > 0.5
    inner = np.logical_and.reduce(_neighbours(mask)[1::2]) & mask
    area, outline = int(mask.sum()), int((mask & ~inner).sum())
    return 2 * area / max(outline, 1)


def _centred(ink: Grey) -> NDArray[np.uint8]:
    """In the middle of 28x28 by mass, as near as whole pixels and the borders allow."""
    image = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    top, left = (_offset(ink.sum(1 - axis)) for axis in (0, 1))
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(ink * 255)
    return image


def _offset(profile: Grey) -> int:
    centre = float(profile @ np.arange(len(profile)) / profile.sum())
    return min(max(round(CENTRE_PX - centre), 0), SIDE_PX - len(profile))
