"""Images with what the model said of them: its mistakes, and strangers that it was sure of."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from digitserve_training.data import SIDE_PX, Images
from digitserve_training.report.confusion import Pair
from digitserve_training.report.measures import Answers
from digitserve_training.report.model import Model
from digitserve_training.report.stranger_measures import StrangerAnswers
from digitserve_training.report.theme import WIDTH_IN, Theme, figure

MOST_MISTAKES = 200
MOST_OF_A_PAIR = 8
MOST_STRANGERS = 48
COLUMNS = 8
STEP_PX = 44  # from image to image in a mosaic
ROW_PX = 50  # from row to row: 28 and what is written below


@dataclass(frozen=True, eq=False)
class Tile:
    """An image uint8 (28, 28), what the model said, how surely, and whether that passed unflagged.

    `truth` is empty for a stranger: the image shows it.
    """

    image: Images
    truth: str
    said: str
    confidence: float
    passed: bool

    @property
    def source(self) -> str:
        """The image as a data address, for a page: dark ink on white paper."""
        packed = io.BytesIO()
        Image.fromarray(255 - self.image).save(packed, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()


def mistakes(given: Answers, model: Model) -> list[Tile]:
    """At most 200 images that were misread, those first of which the model was surest."""
    return _tiles(given, model, ~given.right, MOST_MISTAKES)


def examples(given: Answers, model: Model, pair: Pair) -> list[Tile]:
    """At most eight images of a pair that was taken for each other."""
    shown, said = given.samples.truth.labels, given.said
    forth = (shown == pair.one) & (said == pair.other)
    back = (shown == pair.other) & (said == pair.one)
    return _tiles(given, model, forth | back, MOST_OF_A_PAIR)


def believed(given: StrangerAnswers, model: Model) -> list[Tile]:
    """At most 48 strangers that were not flagged, of each kind its share, the surest first."""
    passed = np.flatnonzero(given.scores >= given.threshold)
    surest = passed[np.argsort(-given.scores[passed], kind="stable")]
    if len(surest) > MOST_STRANGERS:
        surest = surest[np.linspace(0, len(surest) - 1, MOST_STRANGERS).astype(int)]
    return [_stranger(given, model, int(index)) for index in surest]


def _stranger(given: StrangerAnswers, model: Model, index: int) -> Tile:
    stranger = given.strangers[index]
    blank = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    image = blank if stranger.image is None else stranger.image
    return Tile(image, "", model.labels[given.said[index]], float(given.scores[index]), passed=True)


def _tiles(given: Answers, model: Model, chosen: npt.NDArray[np.bool_], most: int) -> list[Tile]:
    indices = np.flatnonzero(chosen)
    surest = indices[np.argsort(-given.confidences[indices], kind="stable")][:most]
    truth, labels = given.samples.truth, model.labels
    return [
        Tile(
            truth.images[index],
            labels[truth.labels[index]],
            labels[given.said[index]],
            float(given.confidences[index]),
            passed=bool(given.confidences[index] >= model.threshold),
        )
        for index in surest
    ]


def mosaic(tiles: Sequence[Tile], theme: Theme) -> Figure:
    """All tiles in rows of eight: the image, the truth and the answer, the confidence."""
    rows = -(-len(tiles) // COLUMNS)
    drawn = figure(theme, WIDTH_IN * rows * ROW_PX / (COLUMNS * STEP_PX))
    axes = drawn.subplots()
    axes.set(xlim=(0, COLUMNS * STEP_PX), ylim=(rows * ROW_PX, 0))
    axes.set_axis_off()
    for number, tile in enumerate(tiles):
        _place(axes, tile, (number % COLUMNS) * STEP_PX + 8, (number // COLUMNS) * ROW_PX + 1, theme)
    return drawn


def _place(axes: Any, tile: Tile, left: int, top: int, theme: Theme) -> None:
    extent = (left, left + SIDE_PX, top + SIDE_PX, top)
    axes.imshow(255 - tile.image, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest")
    colour = theme.second if tile.passed else theme.quiet
    said = f"{tile.truth} → {tile.said}\n{tile.confidence:.1%}".lstrip()
    axes.text(left + SIDE_PX / 2, top + SIDE_PX + 1, said, color=colour, fontsize=5.5, ha="center", va="top")
