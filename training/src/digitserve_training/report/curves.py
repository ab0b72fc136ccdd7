"""Charts of how far confidences can be trusted, and of how a fit went."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)
from scipy import stats

from digitserve_training.evaluation import BINS, risks
from digitserve_training.history import Epoch, best
from digitserve_training.report.measures import Answers, Measures, Share, share
from digitserve_training.report.theme import Theme, figure, legend, style
from digitserve_training.review import MOST_WRONG

PLOTTED = 400
"""Points of a curve; more cannot be told apart."""


def percent(value: float, _position: object = None) -> str:
    """With as many decimals as it takes: 12 %, 0.05 %."""
    return f"{value * 100:.4g}%"


def training(history: Sequence[Epoch], theme: Theme) -> Figure:
    """Losses and validation error over the epochs, on logarithmic scales, and the best epoch."""
    drawn = figure(theme, 4.2)
    losses, errors = drawn.subplots(2, sharex=True)
    epochs = [epoch.epoch for epoch in history]
    losses.plot(epochs, [epoch.loss for epoch in history], color=theme.third, label="training loss")
    losses.plot(
        epochs, [epoch.validation_loss for epoch in history], color=theme.first, label="validation loss"
    )
    wrong = [1 - epoch.validation_accuracy for epoch in history]
    errors.plot(epochs, wrong, color=theme.second, label="validation error")
    for axes in (losses, errors):
        style(axes, theme)
        axes.axvline(best(history).epoch, color=theme.quiet, linewidth=0.8, linestyle=(0, (4, 3)))
        if axes is losses or any(wrong):  # without any error there is no logarithm
            _log_y(axes)
        legend(axes, theme)
    losses.set_ylabel("nats")
    errors.yaxis.set_major_formatter(FuncFormatter(percent))
    errors.set_xlabel(f"epoch; dashed: {best(history).epoch}, the lowest validation loss")
    errors.xaxis.set_major_locator(MaxNLocator(integer=True))
    return drawn


def reliability(given: Answers, theme: Theme) -> Figure:
    """How often answers of a confidence are right, with 95% limits, and how many there are."""
    drawn = figure(theme, 4.6)
    above, below = drawn.subplots(2, sharex=True, height_ratios=(3, 1))
    style(above, theme)
    style(below, theme)
    bins = np.minimum((given.confidences * BINS).astype(int), BINS - 1)
    above.plot(
        [0, 1], [0, 1], color=theme.quiet, linewidth=0.8, linestyle=(0, (4, 3)), label="as often as said"
    )
    filled = np.unique(bins)
    said = [given.confidences[bins == number].mean() for number in filled]
    found = [share(int(given.right[bins == number].sum()), int((bins == number).sum())) for number in filled]
    _points(above, said, found, theme, "found, with 95% limits")
    below.bar((filled + 0.5) / BINS, [one.of for one in found], 0.9 / BINS, color=theme.first)
    below.set_yscale("log")
    below.yaxis.set_major_locator(LogLocator(numticks=4))
    below.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    below.yaxis.set_minor_formatter(NullFormatter())
    below.set_ylim(bottom=0.5)
    above.set(ylabel="share right", ylim=(-0.03, 1.03))
    above.yaxis.set_major_formatter(PercentFormatter(1))
    below.set(ylabel="answers", xlabel="confidence", xlim=(0, 1.01))
    below.xaxis.set_major_formatter(PercentFormatter(1))
    legend(above, theme)
    return drawn


def _points(axes: Axes, places: Sequence[float], found: Sequence[Share], theme: Theme, label: str) -> None:
    shares = np.array([one.share for one in found])
    limits = np.array([[one.share - one.low, one.high - one.share] for one in found]).T
    axes.errorbar(
        places,
        shares,
        limits,
        fmt="o",
        color=theme.first,
        markersize=4.5,
        elinewidth=1.2,
        label=label,
        clip_on=False,
    )


def risk_coverage(given: Answers, measures: Measures, theme: Theme) -> Figure:
    """The share wrong among what is answered, the surest first, with 95% limits and the threshold."""
    drawn = figure(theme, 3.2)
    axes = drawn.subplots()
    style(axes, theme)
    answered, wrong, low, high = _risk_curve(given)
    coverage = answered / len(given.samples)
    axes.fill_between(coverage, low, high, color=theme.first, alpha=0.16, linewidth=0, label="95% limits")
    axes.plot(
        coverage, np.where(wrong > 0, wrong, np.nan), color=theme.first, label="wrong among the answered"
    )
    axes.axhline(MOST_WRONG, color=theme.second, linewidth=1, linestyle=(0, (4, 3)), label="1 in 2,000")
    at = measures.review
    point = ([at.coverage.share], [max(at.error.share, MOST_WRONG / 10)])
    axes.plot(*point, "o", color=theme.ink, markersize=6, label="the threshold", clip_on=False)
    first = float(coverage[np.flatnonzero(wrong > 0)[0]]) if wrong.any() else 1.0
    start = min(at.coverage.share, first)
    axes.set_xlim(max(start - 0.2 * (1 - start) - 0.002, 0), 1)
    _log_y(axes)
    axes.set_ylim(MOST_WRONG / 10, max(2 * float(wrong[-1]), 4 * MOST_WRONG))
    axes.set(xlabel="answered without review", ylabel="wrong among them")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(percent))
    legend(axes, theme)
    return drawn


def _risk_curve(given: Answers) -> tuple[npt.NDArray[np.float64], ...]:
    """At some of the numbers of answers, most of them near all: the number, the share wrong, its limits."""
    curve = risks(given.confidences, given.right)
    left_out = np.unique(np.geomspace(1, len(curve), PLOTTED).astype(int)) - 1
    answered = len(curve) - left_out[::-1]
    wrong = curve[answered - 1]
    errors = np.round(wrong * answered)
    low = np.where(errors > 0, stats.beta.ppf(0.025, np.maximum(errors, 1), answered - errors + 1), 0.0)
    high = np.where(
        errors < answered, stats.beta.ppf(0.975, errors + 1, np.maximum(answered - errors, 1)), 1.0
    )
    return answered.astype(float), wrong, low, high


def accuracies(measured: Sequence[Measures], theme: Theme) -> Figure:
    """The accuracy on each test set, with 95% limits."""
    drawn = figure(theme, 0.8 + 0.5 * len(measured))
    axes = drawn.subplots()
    style(axes, theme)
    for row, one in enumerate(measured):
        found = one.accuracy
        axes.plot([found.low, found.high], [row, row], color=theme.first, linewidth=2, solid_capstyle="round")
        axes.plot([found.share], [row], "o", color=theme.first, markersize=6)
        axes.annotate(
            f"{found.share:.2%}",
            (found.share, row),
            (0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
        )
    lowest = min(one.accuracy.low for one in measured)
    axes.set_xlim(max(0, lowest - max(0.25 * (1 - lowest), 0.002)), 1 + max(0.04 * (1 - lowest), 0.0002))
    axes.set_ylim(len(measured) - 0.5, -0.6)
    axes.set_yticks(range(len(measured)), [one.name for one in measured])
    axes.tick_params(axis="y", labelcolor=theme.ink)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(percent))
    axes.set_xlabel("accuracy, with 95% limits")
    return drawn


def _log_y(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
