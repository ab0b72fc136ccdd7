"""The report: what was done to which server, what became of whose calls; as Markdown and as JSON."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

import msgspec

from disturbance.ledger import Case, Run
from disturbance.tally import Tally

WIDTH = 110

HEAD = """# Nothing lost

A server is killed, restarted, stopped, starved and lied to, while both of our clients call it without a
pause: `DigitClient` from threads and `AsyncDigitClient` from tasks, single images and batches of known
digits, 30 s for each call with its retries. After every case the server must say SERVING and read every
golden sample right, alone and in a batch. Where it does not, or an answer is wrong, or a call of ours is
lost that should not be, the run fails, and this page is not written.

    make chaos     # writes this page anew; `make test` has a short version of each case

"""

FOOT = """
**Calls** are those of our clients that ended during the case: right answers of the threads and of the
tasks, and failed ones by code. **Slowest** is how long one of them took, its retries included. **Others**
are the calls of the case itself, as they came back; peers that misbehave take no answer to be counted.

- *Malformed messages* are what hypothesis thinks of: right but for a field or two (numbers at the ends of
  their range, NaN, other shapes, types and sizes, unknown models, a name of 6 kB), cut, repeated, with bits
  flipped or bytes put in (fields that say they have 2 GB, thousands of nested groups), or random bytes; as
  many to each method, each in a call of its own. To be told
  OK (some are messages still), {expected} is right,
  if the status has its ErrorInfo and no words have internals, and after one message to each method a good
  call must be answered right; all else fails the run, which shows the smallest messages that do it. Admin
  calls are off: what is sent to them is refused unread.
- *Address space*: `RLIMIT_AS`, set on the running server, hardly above what it has. Where gRPC's core or
  Rust gets no memory it ends the process, and so does a thread of ours, rather than leave a server that
  answers nobody; the case starts it again, as a container would.
- *A full disk*: a tmpfs without a free byte or file, under the models, the log (a line for each call) and
  `TMPDIR`.
- *A soak* is counted by the server's own metrics. Memory is resident, in 10⁶ bytes, after the first calls
  and batches, and after all.
"""


def write_figures(run: Run, report: Path) -> None:
    """Writes `report`.json."""
    report.parent.mkdir(exist_ok=True)
    report.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(run)) + b"\n")


def write_page(run: Run, report: Path, expected: str) -> None:
    """Writes `report`.md. expected: the codes that malformed messages may get."""
    text = HEAD + _about(run) + "\n".join(_table(run.cases)) + "\n" + FOOT.format(expected=expected)
    report.with_suffix(".md").write_text(text)


def _about(run: Run) -> str:
    machine = run.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    calls = sum(tally.ended for case in run.cases for tally in case.crowd.values())
    failed = sum(sum(tally.failed.values()) for case in run.cases for tally in case.crowd.values())
    about = (
        f"{run.date}, {machine.cores} cores of {machine.cpu}, {machine.memory_gb:g} GB, {machine.kernel},"
        f" Python {machine.python}, {versions}; model {run.model}. Clients and other work ran on the same"
        f" cores, so durations say little. Of {calls:,} calls of our clients, {failed:,} failed and none was"
        " answered wrong."
    )
    return fill(about, WIDTH) + "\n\n"


def _table(cases: list[Case]) -> Iterator[str]:
    yield "| case | transport | processes | calls: threads + tasks | failed | slowest | others | more |"
    yield "|---|---|--:|--:|---|--:|---|---|"
    for case in cases:
        both = sum(case.crowd.values(), Tally())
        answered = " + ".join(f"{tally.answered:,}" for tally in case.crowd.values())
        cells = [
            case.what,
            case.transport,
            str(case.processes),
            answered or "none",
            _codes(both.failed) if case.crowd else "",
            f"{both.longest_s:.1f} s" if case.crowd else "",
            _codes({"OK": case.hostile.answered} | case.hostile.failed) if case.hostile else "",
            ", ".join(f"{name} {value}" for name, value in case.figures.items()),
        ]
        yield f"| {' | '.join(cells)} |"


def _codes(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {code}" for code, count in counts.items() if count) or "0"
