"""How high the digits of a page are, in px: all that is looked for on it is measured by that."""

import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Mask, connected, grown, opened

Numbers = NDArray[np.number]

SMALLEST_PX = 12  # lower ink is no digit
ACROSS = 0.25  # of the page's longer side: a printed line across the page is at least so long
LARGER = 1.25  # digits that stand on lines count if they are so many times as high as those that stand apart
SUPPOSED = 0.03  # of the page's longer side: the height of digits where there is nothing like one
SPARSE, HALF = 0.17, 0.5  # a frame fills less of its box; what is higher than half of the page is no digit
FAR_LARGER, FEW = 4.0, 2  # far larger is so many times the usual height; and there are at least so many parts


def usual_height(ink: Mask) -> float:
    """About how high the larger digits of a page are: boxes and fine print do not count."""
    return _middle(*_like_digits(ink)) or _supposed(ink)


def usual_height_on_lines(ink: Mask) -> float:
    """The same where digits may stand on lines across the page, and hang together with them."""
    longest = max(2 * SMALLEST_PX, round(ACROSS * max(ink.shape)))
    lines = opened(ink, (1, longest)) | opened(ink, (longest, 1))
    height, apart = _middle(*_like_digits(ink)), _middle(*_like_digits(ink & ~grown(lines, (3, 3))))
    return (apart if apart > LARGER * height else height) or _supposed(ink)


def far_larger_height(ink: Mask, usual: float) -> float:
    """That of digits that would pass for lines and pictures by the usual height; 0.0 where there are none.

    A marker's on a printed label, say.
    """
    heights, areas = _like_digits(ink)
    far_larger = heights > FAR_LARGER * usual
    is_written = np.count_nonzero(far_larger) >= FEW
    return _middle(heights[far_larger], areas[far_larger]) if is_written else 0.0


def _supposed(ink: Mask) -> float:
    return float(max(2 * SMALLEST_PX, SUPPOSED * max(ink.shape)))


def _like_digits(ink: Mask) -> tuple[Numbers, Numbers]:
    """Height and area of the parts that are like a digit."""
    _, stats = connected(ink)
    width, height, area = stats[1:, 2], stats[1:, 3], stats[1:, 4]
    hollow = (area < SPARSE * width * height) & (width > 0.5 * height)
    like_digit = (height >= SMALLEST_PX) & (width <= 1.6 * height) & (height <= 12 * width) & ~hollow
    like_digit &= height < HALF * max(ink.shape)
    return height[like_digit], area[like_digit]


def _middle(heights: Numbers, areas: Numbers) -> float:
    """The height that half of the ink has at most; fine print has many letters, and little ink."""
    if not heights.size:
        return 0.0
    order = np.argsort(heights)
    weights = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(weights, 0.5 * weights[-1])])
