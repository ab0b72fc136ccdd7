"""Charts of which classes are taken for which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from digitserve_training.report.measures import Measures
from digitserve_training.report.theme import Theme, figure, legend, style

MOST_NUMBERED = 16
"""Classes whose cells have room for numbers."""
MOST_PAIRS = 8


@dataclass(frozen=True)
class Pair:
    """Two classes, by index, and how often each was read as the other."""

    one: int
    other: int
    one_as_other: int
    other_as_one: int

    @property
    def times(self) -> int:
        """Both directions together."""
        return self.one_as_other + self.other_as_one


def pairs(measures: Measures) -> list[Pair]:
    """The at most eight pairs that are taken for each other most often, the most confused first."""
    counts = measures.confusion
    found = [
        Pair(one, other, counts[one][other], counts[other][one])
        for one in range(len(counts))
        for other in range(one + 1, len(counts))
    ]
    confused = [pair for pair in found if pair.times]
    return sorted(confused, key=lambda pair: -pair.times)[:MOST_PAIRS]


def matrix(measures: Measures, theme: Theme) -> Figure:
    """Errors by colour and number; the diagonal only says which share of a class is read rightly."""
    counts, labels = np.array(measures.confusion), [one.label for one in measures.classes]
    errors = counts * ~np.eye(len(counts), dtype=bool)
    drawn = figure(theme, 4.1)
    axes = drawn.subplots()
    style(axes, theme, grid=False)
    colours = LinearSegmentedColormap.from_list("errors", [theme.paper, theme.second])
    # The square root shows a single error beside many.
    axes.imshow(np.sqrt(errors), cmap=colours, vmin=0, vmax=max(np.sqrt(errors.max()), 1))
    for index in range(len(counts)):
        axes.add_patch(Rectangle((index - 0.5, index - 0.5), 1, 1, color=theme.shade, linewidth=0))
    axes.set_xticks(np.arange(len(counts) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(counts) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=theme.line, linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    _name(axes, labels, theme)
    axes.set(xlabel="read as", ylabel="is")
    axes.xaxis.set_label_position("top")
    if len(counts) <= MOST_NUMBERED:
        _number(axes, counts, measures, theme)
    return drawn


def _name(axes: Axes, labels: Sequence[str], theme: Theme) -> None:
    """The classes on both axes; names that are long stand upright above their columns."""
    longest = max(map(len, labels))
    size = 5.5 if len(labels) > MOST_NUMBERED else 10 if longest <= 2 else 7.5
    axes.set_xticks(range(len(labels)), labels, fontsize=size, rotation=90 if longest > 2 else 0)
    axes.set_yticks(range(len(labels)), labels, fontsize=size)
    axes.tick_params(labelcolor=theme.ink, labeltop=True, labelbottom=False)


def _number(axes: Axes, counts: np.ndarray, measures: Measures, theme: Theme) -> None:
    most = max(int((counts * ~np.eye(len(counts), dtype=bool)).max()), 1)
    for row, column in np.argwhere(counts):
        times = counts[row, column]
        if row == column:
            text, colour, size = _recall(measures.classes[row].recall), theme.quiet, 6.5
        else:
            dark = np.sqrt(times / most) > 0.6
            text, colour, size = f"{times}", theme.paper if dark else theme.ink, 8.5
        axes.text(column, row, text, color=colour, fontsize=size, ha="center", va="center")


def _recall(share: float) -> str:
    """In percent, without the sign; 100 only where all of them are right."""
    return "100" if share == 1 else f"{min(share * 100, 99.9):.1f}"


def bars(confused: Sequence[Pair], measures: Measures, theme: Theme) -> Figure:
    """How often the most confused pairs were taken for each other, by direction."""
    labels = [one.label for one in measures.classes]
    drawn = figure(theme, 0.9 + 0.34 * len(confused))
    axes = drawn.subplots()
    style(axes, theme)
    axes.grid(visible=False, axis="y")
    forth, back = [pair.one_as_other for pair in confused], [pair.other_as_one for pair in confused]
    axes.barh(range(len(confused)), forth, 0.62, color=theme.first, label="first read as second")
    axes.barh(range(len(confused)), back, 0.62, forth, color=theme.second, label="second as first")
    for row, pair in enumerate(confused):
        axes.annotate(
            f"{pair.times}", (pair.times, row), (4, 0), textcoords="offset points", va="center", fontsize=8.5
        )
    axes.set_yticks(
        range(len(confused)), [f"{labels[pair.one]} and {labels[pair.other]}" for pair in confused]
    )
    axes.tick_params(axis="y", labelcolor=theme.ink)
    axes.invert_yaxis()
    axes.set_xlim(0, max(pair.times for pair in confused) * 1.08)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("mistakes")
    legend(axes, theme)
    return drawn
