"""The command behind `make bench`."""

import dataclasses
import signal
import sys
from pathlib import Path

import click

from digitserve_bench import h2load
from digitserve_bench.plan import FULL, QUICK, ROOT, SOAK_CALLS
from digitserve_bench.plot import write_plot
from digitserve_bench.report import reach_table, write_markdown
from digitserve_bench.results import write_json
from digitserve_bench.rounds import measure
from digitserve_bench.targets import DidNotStart

RESULTS = ROOT / "benchmarks" / "results"


@click.command(context_settings={"max_content_width": 110})
@click.option("--quick", is_flag=True, help="One short round, in about a minute: to look, not to quote.")
@click.option("--million", is_flag=True, help="Also make a million calls to a fresh server; minutes more.")
@click.option(
    "--results",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    help="Where the table, the JSON and the plot go.  [default: benchmarks/results]",
)
def main(quick: bool, million: bool, folder: Path) -> None:
    """Measures the servers against the floors of this machine, all in one run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that children are stopped
    plan = dataclasses.replace(QUICK if quick else FULL, soak_calls=SOAK_CALLS if million else ())
    if not h2load.version():
        _say(f"h2load is not installed ({h2load.INSTALL}): our own generator makes the closed loops instead")
        if million:
            raise click.UsageError(f"--million wants h2load: {h2load.INSTALL}")
    try:
        results = measure(plan, _say)
    except DidNotStart as error:
        raise click.ClickException(f"a server did not start: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    files = [write(results, folder) for write in (write_json, write_plot, write_markdown)]
    click.echo("\n".join(reach_table(results)))
    _say("written: " + ", ".join(str(file) for file in files))
    sys.exit(1 if results.wrong else 0)


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main(prog_name="make bench")
