"""Throughput and p99 against load, as a picture."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digitserve_bench.loads import PEAK, SINGLES, open_name
from digitserve_bench.plan import IN_FLIGHT, LOAD_PERCENT
from digitserve_bench.results import Results
from digitserve_bench.targets import ECHO, TWO_WORKERS

# Told apart by the colour-blind too.
COLOURS = {"native": "#0072b2", "grpcio": "#d55e00", TWO_WORKERS: "#009e73"}
GREY = "#777777"
WIDTH_IN, HEIGHT_IN, DPI = 13.0, 8.0, 110

mpl.use("Agg")


def write_plot(results: Results, folder: Path) -> Path:
    """Draws the results into a PNG in this folder."""
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout="constrained")
    (calls, waits), (answered, late) = figure.subplots(2, 2)
    _closed_throughput(calls, results)
    _closed_latency(waits, results)
    _open_throughput(answered, results)
    _open_latency(late, results)
    machine = results.machine
    figure.suptitle(
        f"Digitserve, one image per call: {machine.cpu}, {machine.cores} cores, load generator included,"
        f" {results.date}"
    )
    file = folder / f"{results.name}.png"
    figure.savefig(file)
    return file


def _closed_throughput(axes: Axes, results: Results) -> None:
    for target, style in _targets(results).items():
        found = [results.find(target, load.name) for load in SINGLES]
        rates = [each.calls_per_s / 1000 for each in found if each]
        axes.plot(IN_FLIGHT[: len(rates)], rates, **style)
    raw = results.best_floor.images_per_s / 1000
    axes.axhline(raw, color=GREY, linewidth=0.8, label="floor: onnxruntime alone, in batches")
    _in_flight(axes)
    axes.set_ylabel("answered, thousand calls/s")
    axes.set_ylim(bottom=0)
    axes.set_title("Closed loop: throughput")
    axes.legend(loc="upper left")


def _closed_latency(axes: Axes, results: Results) -> None:
    for target, style in _targets(results).items():
        found = [results.find(target, load.name) for load in SINGLES]
        axes.plot(IN_FLIGHT[: len(found)], [each.seen.latencies.p99_ms for each in found if each], **style)
    _in_flight(axes)
    axes.set_yscale("log")
    axes.set_ylabel("p99, ms")
    axes.set_title("Closed loop: p99 of the answered")


def _open_throughput(axes: Axes, results: Results) -> None:
    for server in results.servers:
        found = [results.find(server, open_name(percent)) for percent in LOAD_PERCENT]
        offered = [each.seen.offered_per_s / 1000 for each in found if each]
        axes.plot(offered, [each.calls_per_s / 1000 for each in found if each], **_style(server))
        axes.plot(offered, offered, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    axes.set_xlabel("offered, thousand calls/s (50, 80, 120 and 300 % of each peak)")
    axes.set_ylabel("answered, thousand calls/s")
    answered = [each.calls_per_s for each in results.measurements if each.target in results.servers]
    axes.set_ylim(0, max(answered) / 1000 * 1.2)
    axes.set_title("Open loop, Poisson: answered (dotted: all that is offered)")
    axes.legend()


def _open_latency(axes: Axes, results: Results) -> None:
    for server in results.servers:
        found = [results.find(server, open_name(percent)) for percent in LOAD_PERCENT]
        style = _style(server)
        p50 = [each.seen.latencies.p50_ms for each in found if each]
        p99 = [each.seen.latencies.p99_ms for each in found if each]
        axes.plot(LOAD_PERCENT, p99, **style | {"label": f"{server}, p99"})
        axes.plot(LOAD_PERCENT, p50, **style | {"label": f"{server}, p50", "alpha": 0.4})
    axes.set_xticks(LOAD_PERCENT)
    axes.set_xlabel("offered, % of the peak")
    axes.set_yscale("log")
    axes.set_ylabel("ms from the intended start")
    axes.set_title("Open loop, Poisson: latency of the answered")
    axes.legend()


def _in_flight(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xticks(IN_FLIGHT, [str(number) for number in IN_FLIGHT])
    axes.minorticks_off()
    axes.set_xlabel("calls in flight")


def _targets(results: Results) -> dict[str, dict[str, Any]]:
    """What is drawn of each target."""
    styles = {server: _style(server) for server in results.servers}
    for server in (name for name in results.servers if results.find(ECHO + name, PEAK.name)):
        label = f"floor: empty echo, {server}"
        dashes = {"linestyle": "--", "marker": "", "label": label, "alpha": 0.7}
        styles[ECHO + server] = _style(server) | dashes
    return styles


def _style(server: str) -> dict[str, Any]:
    return {"color": COLOURS[server], "marker": "o", "label": server}
