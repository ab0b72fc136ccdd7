"""What the commands for piles of pictures share: where they are from, where results go, and how it ends."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from digitserve_client.console import INTERRUPTED, NOT_ALL_WELL, fail, say
from digitserve_client.errors import CallError
from digitserve_client.outcomes import Kind, Outcome, Outcomes, failed_of
from digitserve_client.outputs import (
    FORMS,
    CsvOutput,
    JsonlOutput,
    JsonOutput,
    Output,
    TableOutput,
    Tabulate,
    opened,
)
from digitserve_client.parallel import PILE
from digitserve_client.paths import STDIN, listed_paths, overwritten, pictures_of
from digitserve_client.progress import Bar
from digitserve_client.record import NoRecord, Record, as_row, is_doubtful, repaired
from digitserve_client.review import NotOurs, left_in, write_review

REASONS, NAMED = 3, 3  # that a summary names, and files that are left out
RESUMABLE = ("csv", "jsonl")
Command = TypeVar("Command", bound=Callable[..., None])


@dataclass(slots=True)
class Pile:
    """Pictures by their paths, and what is to become of their outcomes.

    stdin: the bytes of the picture that is called -. are_files: all are known to be files, and no pipes.
    """

    kind: Kind
    tabulate: Tabulate
    pictures: list[str]
    form: str | None
    output: Path | None
    review: Path | None
    record: Record
    stdin: bytes | None
    are_files: bool
    problems: Counter[str] = field(default_factory=Counter)
    written: int = 0

    def source(self, picture: str) -> str | bytes:
        """What a picture is read from."""
        return picture if picture != STDIN or self.stdin is None else self.stdin

    def work_off(self, outcomes: Iterator[Outcomes]) -> NoReturn:
        """Writes the outcomes as they come, and ends the command."""
        started = time.perf_counter()
        failure: CallError | KeyboardInterrupt | None = None
        try:
            self._write(outcomes)
        except (CallError, KeyboardInterrupt) as error:
            failure = error
        took_s = time.perf_counter() - started
        if self.review:
            count = write_review(self.review, self.record.doubtful, self.stdin)
            say(f"{count:,} to check in {self.review}")
        self._sum_up(took_s)
        if failure and self.output and self.form in RESUMABLE:
            say("what has been read is kept: --resume goes on with the rest")
        if isinstance(failure, CallError):
            fail(failure)
        if failure:
            sys.exit(INTERRUPTED)
        sys.exit(NOT_ALL_WELL if self.record.failed else 0)

    def _write(self, outcomes: Iterator[Outcomes]) -> None:
        done = self.record.done.total()
        with (
            opened(self.output, more=self.record.end > 0) as stream,
            Bar(len(self.pictures) + done, done) as bar,
        ):
            output = self._output(stream)
            try:
                for some in outcomes:
                    failed = failed_of(some)
                    with bar.aside(wanted=sys.stdout.isatty() or bool(failed)):
                        output.write(some)
                        self.written += len(some)
                        self._report(failed)
                    if self.review:
                        self._note_doubtful(some)
                    bar.advance(len(some))
            finally:
                with bar.aside(wanted=True):
                    output.end()

    def _output(self, stream: Any) -> Output:
        if self.form == "csv":
            return CsvOutput(stream, self.kind, has_header=self.record.end > 0)
        if self.form == "jsonl":
            return JsonlOutput(stream)
        return JsonOutput(stream) if self.form == "json" else TableOutput(self.tabulate)

    def _report(self, failed: Sequence[Outcome]) -> None:
        for outcome in failed:
            say(f"{outcome.picture}: {outcome.problem}")
        self.problems.update(outcome.problem for outcome in failed)
        self.record.failed += len(failed)

    def _note_doubtful(self, outcomes: Outcomes) -> None:
        for outcome in outcomes:
            if outcome.answer is None or outcome.answer.needs_review:
                rows = (as_row(self.kind, values) for values in self.kind.rows(outcome.facts()))
                self.record.doubtful += filter(is_doubtful, rows)

    def _sum_up(self, took_s: float) -> None:
        count = self.written  # fewer than were asked for, where the server did not answer
        if count >= PILE:
            say(f"{count:,} pictures in {took_s:.1f} s, {count / took_s:,.0f} a second")
        failed = self.record.failed
        if failed and count + self.record.done.total() > 1:
            reasons = [f"{number:,}: {reason}" for reason, number in self.problems.most_common(REASONS)]
            more = ["and others"] if len(self.problems) > REASONS else []
            said = "\n  ".join([":", *reasons, *more]) if self.problems.total() > 1 else ""
            say(f"{failed:,} of {count + self.record.done.total():,} pictures could not be read{said}")


def takes_pile(command: Command) -> Command:
    """Adds the arguments that say what is read, and where results go."""
    options = [
        click.argument("paths", nargs=-1, type=click.Path(), metavar="PATH..."),
        click.option(
            "--files-from",
            type=click.Path(dir_okay=False, exists=True, allow_dash=True),
            metavar="FILE",
            help="Take more paths from FILE, one on a line or ended by NUL; - is stdin.",
        ),
        click.option("--csv", "as_csv", is_flag=True, help="Write CSV."),
        click.option("--jsonl", "as_jsonl", is_flag=True, help="Write a JSON object on a line for each."),
        click.option("--json", "as_json", is_flag=True, help="Write one JSON document, a list."),
        click.option(
            "-o",
            "--output",
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            metavar="FILE",
            help="Write to FILE; its suffix says the form: .csv, .jsonl or .json.",
        ),
        click.option(
            "--resume",
            is_flag=True,
            help="Go on where --output FILE ends: what stands in it is not read again.",
        ),
        click.option(
            "--review",
            type=click.Path(file_okay=False, path_type=Path),
            metavar="DIR",
            help="Copy what a person should check to DIR, with a sheet, index.html, that shows it.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def pile_of(
    kind: Kind,
    tabulate: Tabulate,
    *,
    paths: tuple[str, ...],
    files_from: str | None,
    as_csv: bool,
    as_jsonl: bool,
    as_json: bool,
    output: Path | None,
    resume: bool,
    review: Path | None,
) -> Pile:
    """What the arguments of `takes_pile` mean; raises UsageError where they mean nothing."""
    chosen = {"csv": as_csv, "jsonl": as_jsonl, "json": as_json}
    if output and not output.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {str(output.parent)!r}.")
    form = _form([form for form in FORMS if chosen[form]], output)
    if resume and (output is None or form not in RESUMABLE):
        raise click.UsageError("--resume wants --output FILE.csv or FILE.jsonl, which it goes on with.")
    if STDIN in paths and (files_from == STDIN or paths.count(STDIN) > 1):
        raise click.UsageError("stdin can be given once: as a picture, or as --files-from.")
    named = [*paths, *(listed_paths(files_from) if files_from else ())]
    try:
        found = pictures_of(named).without(left_in(review) if review else ())
    except NotOurs as other:
        raise click.UsageError(f"--review: {other}.") from other
    if not found.pictures:
        raise click.UsageError(f"no pictures in {' '.join(named)}" if named else "no PATH was given")
    if output and not resume:
        refuse_overwriting(found.pictures, [output])
    try:
        record = repaired(output, form or "", kind) if resume and output else Record()
    except NoRecord as other:
        raise click.UsageError(f"{output}: {other}") from other
    _tell_others(found.others)
    stdin = sys.stdin.buffer.read() if STDIN in paths else None
    left = list(record.left_of(found.pictures))
    return Pile(kind, tabulate, left, form, output, review, record, stdin, found.are_files)


def _tell_others(others: Sequence[str]) -> None:
    """What is in the folders and is not taken for a picture."""
    if others:
        more = f" and {len(others) - NAMED:,} more" if len(others) > NAMED else ""
        say(f"left out, as it is not named like a picture: {', '.join(others[:NAMED])}{more}")


def refuse_overwriting(pictures: Sequence[str], files: Sequence[Path]) -> None:
    """Raises UsageError where what is written would take the place of what is read."""
    picture = overwritten(pictures, files)
    if picture is not None:
        raise click.UsageError(f"the result would overwrite {picture}, which is to be read.")


def _form(chosen: list[str], output: Path | None) -> str | None:
    if len(chosen) > 1:
        raise click.UsageError("--csv, --jsonl and --json exclude each other.")
    if chosen or output is None:
        return chosen[0] if chosen else None
    by_name = output.suffix.lower().removeprefix(".")
    if by_name not in FORMS:
        raise click.UsageError(f"{output.name!r} is none of *.csv, *.jsonl, *.json: say which form.")
    return by_name
