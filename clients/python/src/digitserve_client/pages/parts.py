"""The connected parts of a page's ink."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitserve_client.imaging.grey import Mask, connected

SPECK_PX, SPECK = 6, 0.1  # ink of at least so many px, and longer than this share of a digit's height
LARGEST = 4.0  # of a digit's height: what is higher, or wider and full of ink, is a picture or a hand
WIDEST = 8.0  # of its height: no digits that touch are wider together
SOLID, BAR = 0.75, 1.5  # of its box: so full is a bar or a picture, if it is so wide by a digit's height
HOLLOW, INNER = 0.45, 0.35  # ink of a ring by its box, at most; height of what it encloses by its own
MOST = 6000  # parts of a page: beyond that, the smaller ones are texture


@dataclass(frozen=True, slots=True)
class Part:
    """Ink that hangs together, or a piece cut off its left neighbour: its label, and its box in px."""

    label: int
    left: int
    top: int
    right: int
    bottom: int
    area: int
    is_cut: bool = False

    @property
    def width(self) -> int:
        """In px."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In px."""
        return self.bottom - self.top

    @property
    def x(self) -> float:
        """Of its middle."""
        return (self.left + self.right) / 2


def bounds_of(parts: list[Part]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all of them."""
    return (
        min(part.left for part in parts),
        min(part.top for part in parts),
        max(part.right for part in parts),
        max(part.bottom for part in parts),
    )


def boxes_of(parts: list[Part]) -> NDArray[np.float32]:
    """(4, N): left, top, right and bottom of each."""
    return np.array([(part.left, part.top, part.right, part.bottom) for part in parts], np.float32).T


def parts_of(ink: Mask, usual_height: float) -> tuple[NDArray[np.int32], list[Part]]:
    """The label of each pixel, 0 for paper, and the parts: no dust, no pictures, nothing around others."""
    labels, stats = connected(ink)
    left, top, width, height, area = stats.T
    kept = (area >= SPECK_PX) & (np.maximum(width, height) >= max(3, SPECK * usual_height))
    kept &= (height <= LARGEST * usual_height) & (width <= WIDEST * usual_height)
    kept &= ~((area > SOLID * width * height) & (width > BAR * usual_height))
    kept[0] = False
    chosen = np.flatnonzero(kept)
    chosen = chosen[np.argsort(-area[chosen], kind="stable")[:MOST]]
    boxes = np.column_stack([left, top, left + width, top + height, area])[chosen].tolist()
    parts = [Part(label, *box) for label, box in zip(chosen.tolist(), boxes, strict=True)]
    rings = _rings(labels, parts)
    return labels, [part for part in parts if part not in rings]


def _rings(labels: NDArray[np.int32], parts: list[Part]) -> set[Part]:
    """What was drawn around other parts: a circle around a number, a box that could not be cleared."""
    if not parts:
        return set()
    left, top, right, bottom = boxes_of(parts)
    rings = set()
    for part in parts:
        if part.area > HOLLOW * part.width * part.height:
            continue
        inside = (left > part.left) & (right < part.right) & (top > part.top) & (bottom < part.bottom)
        inside &= bottom - top >= INNER * part.height
        if inside.any() and _encloses(labels, part, [parts[each] for each in np.flatnonzero(inside)]):
            rings.add(part)
    return rings


def _encloses(labels: NDArray[np.int32], ring: Part, inner: list[Part]) -> bool:
    """Whether there is no way out for one of the parts."""
    place = labels[ring.top : ring.bottom, ring.left : ring.right]
    free = np.pad((place != ring.label).view(np.uint8), 1, constant_values=1)
    _, ways = cv2.connectedComponents(free, connectivity=4)
    shut_in = place[(ways[1:-1, 1:-1] != ways[0, 0]) & (place != ring.label)]
    return bool(np.isin([part.label for part in inner], shut_in).any())
