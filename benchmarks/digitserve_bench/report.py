"""The results as Markdown, for people."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from digitserve_bench.loads import CLOSED, open_name
from digitserve_bench.measurement import Measurement
from digitserve_bench.plan import LOAD_PERCENT
from digitserve_bench.reach import reach
from digitserve_bench.results import Results
from digitserve_bench.targets import ECHO

VERDICTS = {True: "yes", False: "**no**", None: ""}
CLOSED_TITLES = (
    "target", "calls/s", "images/s", "of raw onnxruntime", "x grpc.aio echo", "p50 ms", "p90 ms", "p99 ms",
    "p99.9 ms", "errors", "server CPU µs/image", "memory MB", "generator's CPU",
)  # fmt: skip
OPEN_TITLES = (
    "target", "offered/s", "answered/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "errors",
    "refused p50 ms", "refused p99 ms", "sent late p99 ms", "server CPU µs/image", "generator's CPU",
)  # fmt: skip


def write_markdown(results: Results, folder: Path) -> Path:
    """Writes the report into this folder, beside the plot of the same name."""
    file = folder / f"{results.name}.md"
    file.write_text("\n".join(_lines(results)) + "\n")
    return file


def reach_table(results: Results) -> list[str]:
    """What was asked, what was measured."""
    rows = [(row.what, row.asked, row.measured, VERDICTS[row.met]) for row in reach(results)]
    return list(table(("what", "asked", "measured", "met"), rows))


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table: words to the left, numbers to the right."""
    yield "| " + " | ".join(titles) + " |"
    yield "|---|" + "---:|" * (len(titles) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _lines(results: Results) -> Iterator[str]:
    yield from _head(results)
    yield from ("", "## Floors: onnxruntime alone", "", *_floors(results))
    yield from ("", "## Closed loops", "")
    for load in CLOSED:
        yield from (f"### {load.name}", "", *_closed(results, load.name), "")
    yield from ("## Open loops, Poisson arrivals", "")
    for percent in LOAD_PERCENT:
        yield from (f"### {percent} % of the peak", "", *_open(results, open_name(percent)), "")
    yield from ("## The Python client", "", *_client(results))
    yield from ("", "## Start and memory", "", *_lives(results))
    yield from ("", "## Reach", "", *reach_table(results))


def _head(results: Results) -> Iterator[str]:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    yield f"# Benchmark of {results.date}" + ("" if results.complete else ": a quick run, only to look at")
    yield ""
    yield f"- {machine.cpu}, {machine.cores} cores, {machine.memory_gb:g} GB, {machine.kernel}"
    yield f"- Python {machine.python}, {versions}"
    rounds = f"{results.rounds} round{'s' * (results.rounds > 1)}"
    yield (
        f"- medians of {rounds} in {results.minutes:g} minutes; the generators ran on the same cores, and"
        " what made each load stands beside the share of the CPU that it took"
    )
    yield (
        f"- {results.compared} answers compared with onnxruntime's, {results.wrong} wrong;"
        f" other processes took {results.others_share:.1%} of the CPU"
    )
    yield ""
    yield f"![throughput and p99 against load]({results.name}.png)"


def _floors(results: Results) -> Iterator[str]:
    rows = [
        (
            f"{floor.sessions} session{'s' * (floor.sessions > 1)}, {floor.threads} thread"
            f"{'s' * (floor.threads > 1)}{' each' * (floor.sessions > 1)}",
            str(floor.batch),
            f"{floor.images_per_s:,.0f}",
            f"{floor.latencies.p50_ms:.3f}",
            f"{floor.latencies.p99_ms:.3f}",
        )
        for floor in results.floors
    ]
    return table(("arrangement", "batch", "images/s", "p50 ms", "p99 ms"), rows)


def _closed(results: Results, load: str) -> Iterator[str]:
    echo = results.find(ECHO + "grpcio", load)
    rows = []
    for found in _of(results, load):
        times = f"{found.calls_per_s / echo.calls_per_s:.2f}" if echo else ""
        rows.append(
            (
                found.target,
                f"{found.calls_per_s:,.0f}",
                f"{found.images_per_s:,.0f}",
                f"{found.images_per_s / results.best_floor.images_per_s:.2f}",
                times,
                *_percentiles(found),
                _errors(found),
                f"{found.server_us_per_image:.1f}",
                f"{found.rss_mb:.0f}",
                _generator(results, found),
            )
        )
    return table(CLOSED_TITLES, rows)


def _open(results: Results, load: str) -> Iterator[str]:
    rows = [
        (
            found.target,
            f"{found.seen.offered_per_s:,.0f}",
            f"{found.calls_per_s:,.0f}",
            *_percentiles(found),
            _errors(found),
            *_refusals(found),
            f"{found.seen.lateness.p99_ms:.2f}",
            f"{found.server_us_per_image:.1f}",
            _generator(results, found),
        )
        for found in _of(results, load)
    ]
    return table(OPEN_TITLES, rows)


def _client(results: Results) -> Iterator[str]:
    best = results.best_floor.images_per_s
    rows = [
        (
            f"{name}, {transport}",
            f"{way.images_per_s:,.0f}",
            f"{way.images_per_s / best:.2f}",
            f"{way.client_cpu_s:.2f}",
        )
        for transport, run in results.clients.items()
        for name, way in (("classify_batch", run.batch), ("classify_stream", run.stream))
    ]
    return table(("call", "images/s", "of raw onnxruntime", "client CPU s"), rows)


def _lives(results: Results) -> Iterator[str]:
    rows = [
        (
            transport,
            f"{life.started_s:.2f}",
            f"{life.idle_mb:.0f}",
            f"{life.loaded_mb:.0f}",
            _soaks(results, transport),
        )
        for transport, life in results.lives.items()
    ]
    return table(("transport", "start s", "idle MB", "after all loads MB", "fresh server MB"), rows)


def _soaks(results: Results, transport: str) -> str:
    soaks = results.soaks.get(transport, [])
    return ", ".join(f"{soak.rss_mb:.1f} after {soak.calls:,} calls" for soak in soaks) or "not measured"


def _of(results: Results, load: str) -> list[Measurement]:
    return sorted((each for each in results.measurements if each.load == load), key=lambda each: each.target)


def _percentiles(found: Measurement) -> tuple[str, ...]:
    latencies = found.seen.latencies
    values = (latencies.p50_ms, latencies.p90_ms, latencies.p99_ms, latencies.p999_ms)
    return tuple(f"{value:.2f}" for value in values)


def _refusals(found: Measurement) -> tuple[str, str]:
    refusals = found.seen.refusals
    return (f"{refusals.p50_ms:.2f}", f"{refusals.p99_ms:.2f}") if refusals.p99_ms else ("", "")


def _errors(found: Measurement) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in found.seen.errors.items()) or "0"


def _generator(results: Results, found: Measurement) -> str:
    return f"{found.generator_share(results.machine.cores):.0%} {found.generator.split()[0]}"
