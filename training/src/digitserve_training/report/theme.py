"""How charts look, in light and in dark, and how they become files."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

WIDTH_IN = 4.0
"""Of every chart: that of a phone, so that its text is read there at its own size."""
PIXELS_PER_IN = 220
COLOURS = 96


@dataclass(frozen=True)
class Theme:
    """The colours of a page and of its charts; `first` and `second` differ for colour-blind eyes too."""

    name: str
    paper: str
    ink: str
    quiet: str
    line: str
    first: str
    second: str
    third: str
    shade: str


LIGHT = Theme("light", "#ffffff", "#1d232b", "#5c6672", "#d9dee4", "#1f5fbf", "#c8500a", "#6d7785", "#eef1f5")
DARK = Theme("dark", "#191d23", "#e6e9ed", "#9aa4b0", "#363d47", "#6ea8ff", "#ff9a52", "#8b95a3", "#242a32")

Draw = Callable[[Theme], Figure]


@dataclass(frozen=True)
class Chart:
    """A chart as PNG files for a light and for a dark page.

    `says` is for those who cannot see it, `note` stands below it, on how it is read.
    """

    name: str
    title: str
    says: str
    note: str
    light: bytes
    dark: bytes


def chart(name: str, draw: Draw, *, title: str, says: str, note: str = "") -> Chart:
    """Draws it in both themes."""
    return Chart(name, title, says, note, png(draw, LIGHT), png(draw, DARK))


def figure(theme: Theme, height_in: float) -> Figure:
    """An empty figure, as wide as all are."""
    return Figure(
        figsize=(WIDTH_IN, height_in), dpi=PIXELS_PER_IN, layout="constrained", facecolor=theme.paper
    )


def style(axes: Axes, theme: Theme, *, grid: bool = True) -> None:
    """No frame but what is needed, and a grid that stays behind."""
    axes.set_facecolor(theme.paper)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color=theme.line, linewidth=0.6)
    axes.tick_params(which="both", colors=theme.quiet, labelcolor=theme.quiet, length=0, labelsize=8.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(theme.quiet)
        text.set_fontsize(9)


def legend(axes: Axes, theme: Theme) -> None:
    """Names what is drawn, above it, where it hides nothing."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1),
        ncols=2,
        frameon=False,
        fontsize=8.5,
        labelcolor=theme.ink,
        handlelength=1.4,
        columnspacing=1.2,
    )


def png(draw: Draw, theme: Theme) -> bytes:
    """Draws it in one theme."""
    with (
        rc_context({"font.family": "DejaVu Sans", "font.size": 9, "text.color": theme.ink}),
        # A label may have dollar signs, between which matplotlib reads TeX, and fails where it is none.
        rc_context({"text.parse_math": False}),
    ):
        canvas = FigureCanvasAgg(draw(theme))
        canvas.draw()  # type: ignore[no-untyped-call]
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
    packed = io.BytesIO()
    # Flat colours and their blends: a palette of them is a third of the size and looks the same.
    picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        packed, "PNG", optimize=True
    )
    return packed.getvalue()
