"""Ten digits drawn by strokes: the samples a server tests itself on, taken from nobody's data.

They serve models of any labels: what a server looks for are the answers that the model gave when it was made,
and those need not be right.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from digitserve_training.data import SIDE_PX, Images

BOX_PX = 20
PEN_PX = 2.2

Points = npt.NDArray[np.float64]
Pair = tuple[float, float]


def golden_images() -> Images:
    """The digits 0 to 9 in MNIST's manner, uint8 (10, 28, 28): in a 20 px box, centred by mass."""
    return np.stack([_draw(_centred(strokes)) for strokes in _STROKES])


def _line(*points: Pair) -> Points:
    return np.array(points, np.float64)


def _arc(centre: Pair, size: Pair, turn_deg: Pair) -> Points:
    """A part of an ellipse, from one angle to another: 0 points right, 90 down."""
    angles = np.radians(np.linspace(*turn_deg, 33))
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points: Points = circle * np.array(size) / 2 + np.array(centre)
    return points


_STROKES: Sequence[Sequence[Points]] = (
    [_arc((7, 10), (13, 20), (0, 360))],
    [_line((6, 3), (10, 0), (8, 20))],
    [_arc((6.5, 5.5), (12, 11), (190, 380)), _line((12.1, 7.4), (0, 19.5), (13, 19))],
    [_arc((5.5, 5), (11, 10), (200, 440)), _arc((5.5, 14.5), (13, 11), (280, 520))],
    [_line((3, 0), (0, 12), (13, 12)), _line((10, 3), (9, 20))],
    [_line((12, 0), (3, 0), (1.5, 9)), _arc((5.5, 13.5), (13, 12), (230, 510))],
    [_arc((13, 13), (26, 26), (180, 265)), _arc((6.5, 14), (12, 12), (0, 360))],
    [_line((0, 0), (13, 0), (5, 20))],
    [_arc((6, 5), (10, 10), (0, 360)), _arc((6, 15), (12, 10), (0, 360))],
    [_arc((6, 6), (11, 11), (0, 360)), _line((11.5, 5), (9, 20))],
)


def _centred(strokes: Sequence[Points]) -> Sequence[Points]:
    """Scales the strokes into the box, then moves their ink's centre of mass to the image's."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (BOX_PX - PEN_PX) / (high - low).max()
    fitted = [(stroke - (low + high) / 2) * scale + (SIDE_PX - 1) / 2 for stroke in strokes]
    return [stroke + (SIDE_PX - 1) / 2 - _centre_of_mass(_draw(fitted)) for stroke in fitted]


def _centre_of_mass(image: Images) -> Points:
    """Where the ink is, as (x, y) in pixels."""
    y, x = np.indices(image.shape)
    weights = image / image.sum()
    return np.array([(x * weights).sum(), (y * weights).sum()])


def _draw(strokes: Sequence[Points]) -> Images:
    """Ink as far as half the pen from a stroke, fading over a pixel."""
    distance_px = np.min([_distance(stroke) for stroke in strokes], axis=0)
    ink: npt.NDArray[np.float64] = np.clip(PEN_PX / 2 + 0.5 - distance_px, 0, 1)
    return np.round(ink * 255).astype(np.uint8)


def _distance(stroke: Points) -> npt.NDArray[np.float64]:
    """From the middle of each pixel to the nearest point of a stroke, in pixels, (28, 28)."""
    pixels = np.stack(np.meshgrid(np.arange(SIDE_PX), np.arange(SIDE_PX)), axis=-1)[:, :, None]
    starts, along = stroke[:-1], np.diff(stroke, axis=0)
    share = ((pixels - starts) * along).sum(axis=-1) / (along**2).sum(axis=-1)
    nearest = starts + np.clip(share, 0, 1)[..., None] * along
    distances: npt.NDArray[np.float64] = np.linalg.norm(pixels - nearest, axis=-1).min(axis=-1)
    return distances
