"""Charts of how well a model's confidence tells digits from what is none."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from digitserve_training.report.curves import percent
from digitserve_training.report.stranger_measures import StrangerAnswers
from digitserve_training.report.theme import Theme, figure, legend, style

FEWEST_DIGITS = 1e-3
"""Share of the digits that the curves begin at."""
BINS = 25


def roc(given: StrangerAnswers, theme: Theme) -> Figure:
    """Which share of strangers is flagged, for each share of digits that may be; the threshold as points."""
    drawn = figure(theme, 3.6)
    axes = drawn.subplots()
    style(axes, theme)
    digits = given.digits
    flagged_digits = 1 - float((digits.confidences >= given.threshold).sum()) / len(digits.samples)
    curves = {
        "letters": theme.first,
        "letters unlike digits": theme.second,
        "all kinds unlike digits": theme.third,
    }
    for group, colour in curves.items():
        shares, flagged = given.roc(group)
        axes.step([*shares, 1], [*flagged, 1], where="post", color=colour, label=group, linewidth=1.6)
        at = float((given.scores[given.groups[group]] < given.threshold).mean())
        axes.plot(
            [max(flagged_digits, FEWEST_DIGITS)], [at], "o", color=colour, markersize=5.5, clip_on=False
        )
    axes.axvline(0.02, color=theme.quiet, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xscale("log")
    axes.set(xlim=(FEWEST_DIGITS, 1), ylim=(0, 1.01))
    axes.tick_params(axis="x", pad=6)
    axes.set(xlabel="digits flagged (dots: the threshold; dashed: 2%)", ylabel="of what is no digit, flagged")
    axes.xaxis.set_major_formatter(FuncFormatter(percent))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    legend(axes, theme)
    return drawn


def confidences(given: StrangerAnswers, theme: Theme) -> Figure:
    """How sure the model is of digits, and of what is none."""
    drawn = figure(theme, 3.2)
    axes = drawn.subplots()
    style(axes, theme)
    edges = np.linspace(0, 1, BINS + 1)
    unlike = given.scores[given.groups["all kinds unlike digits"]]
    for scores, colour, label in (
        (unlike, theme.second, "no digits"),
        (given.digits.confidences, theme.first, given.digits.samples.name),
    ):
        shares = np.histogram(scores, edges)[0] / len(scores)
        axes.stairs(shares, edges, color=colour, fill=True, alpha=0.3)
        axes.stairs(shares, edges, color=colour, label=label, linewidth=1.4)
    axes.axvline(given.threshold, color=theme.ink, linewidth=1, linestyle=(0, (4, 3)), label="the threshold")
    axes.set_yscale("log")
    axes.set(xlabel="confidence (0: refused by the client)", ylabel="share of the images", xlim=(0, 1.005))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(FuncFormatter(percent))
    axes.yaxis.set_minor_formatter(NullFormatter())
    legend(axes, theme)
    return drawn
