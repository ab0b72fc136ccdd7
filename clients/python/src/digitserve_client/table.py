"""Tables of answers and models: coloured on a terminal, plain text in a pipe or a file. Needs rich."""

import io
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from digitserve_client.benchmark import PERCENTILES, Measured
from digitserve_client.models import Model, ModelState
from digitserve_client.page import Page
from digitserve_client.results import Classification, percent

BAR_CELLS = 20
PLAIN_COLUMNS = 10_000  # wide enough that no line is ever folded
LATENCIES = ("p50 ms", "p90 ms", "p99 ms", "p99.9 ms")
STATE_STYLES = {ModelState.READY: "green", ModelState.FAILED: "red"}


def answers_table(answers: Iterable[tuple[str, Classification]], *, bars: bool = True) -> Table:
    """A line for each picture and its answer; `bars` draws the confidence as well."""
    table = _table("picture", "digit", "confidence", *([""] if bars else []), "review")
    for picture, answer in answers:
        style = "yellow" if answer.needs_review else "green"
        bar = [Text("█" * round(BAR_CELLS * answer.confidence), style=style)] if bars else []
        review = Text(_review(answer), style=style)
        digit = Text(answer.label, style="bold")
        table.add_row(Text(picture), digit, Text(percent(answer.confidence)), *bar, review)
    return table


def pages_table(pages: Iterable[tuple[str, Page]]) -> Table:
    """A line for each string of each picture, in reading order."""
    table = _table("picture", "string", "confidence", "review")
    for picture, page in pages:
        for string in page.strings:
            style = "yellow" if string.needs_review else "green"
            review = Text("please check" if string.needs_review else "", style=style)
            text = Text(string.text, style="bold")
            table.add_row(Text(picture), text, Text(percent(string.confidence)), review)
        if not page.strings:
            table.add_row(Text(picture), Text(""), Text(""), Text("no digits found", style="yellow"))
    return table


def _review(answer: Classification) -> str:
    reasons = ", ".join(warning.text for warning in answer.warnings)
    return f"please check{': ' * bool(reasons)}{reasons}" if answer.needs_review else ""


def models_table(models: Iterable[Model]) -> Table:
    """A line for each model version."""
    table = _table("model", "version", "state", "default", "labels", "accuracy", "review below", "reason")
    for model in models:
        table.add_row(
            Text(model.name),
            Text(model.version),
            Text(model.state, style=STATE_STYLES.get(model.state, "yellow")),
            Text("yes" if model.is_default else ""),
            Text(", ".join(model.version_labels)),
            Text("" if model.test_accuracy is None else f"{model.test_accuracy:.2%}"),
            Text("" if model.review_threshold is None else f"{model.review_threshold:.1%}"),
            Text(model.state_reason),
        )
    return table


def bench_table(loads: Iterable[Measured]) -> Table:
    """A line for each load; latencies in milliseconds."""
    table = _table("images/call", "in flight", "calls/s", "images/s", *LATENCIES, "errors")
    for each in loads:
        errors = ", ".join(f"{number} {code}" for code, number in each.errors.items())
        latencies = [f"{each.latencies_ms[name]:.2f}" if each.latencies_ms else "-" for name in PERCENTILES]
        table.add_row(
            str(each.load.images_per_call),
            str(each.load.in_flight),
            f"{each.calls_per_s:,.0f}",
            f"{each.images_per_s:,.0f}",
            *latencies,
            Text(errors or "0", style="red" if errors else ""),
        )
    return table


def print_table(table: Table) -> None:
    """To stdout; without colours, folds and trailing spaces unless that is a terminal."""
    if sys.stdout.isatty():
        Console().print(table)
        return
    text = io.StringIO()
    Console(file=text, width=PLAIN_COLUMNS, color_system=None, force_terminal=False).print(table)
    sys.stdout.writelines(line.rstrip() + "\n" for line in text.getvalue().splitlines())


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
