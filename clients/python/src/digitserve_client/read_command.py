"""The command that reads pages: files, folders, patterns or stdin in, a table, CSV or JSON out."""

import csv
import glob
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from digitserve_client.annotation import annotated
from digitserve_client.client import DigitClient
from digitserve_client.console import (
    EXIT_CODES,
    NOT_ALL_WELL,
    STDIN,
    asks_server,
    fail,
    print_json,
    problem_of,
    say,
    source,
)
from digitserve_client.errors import CallError, InvalidImage
from digitserve_client.page import Page
from digitserve_client.table import pages_table, print_table

SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("png", "jpg", "jpeg", "gif", "bmp", "dib", "tif", "tiff", "webp", "ppm", "pgm", "pbm", "pnm"),
        *("jp2", "avif", "mpo"),
    )
)
DRAWN_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
COLUMNS = ("picture", "string", "text", "confidence", "needs_review", "x", "y", "width", "height")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A picture, and its page or what is wrong with it."""

    picture: str
    page: Page | None = None
    problem: str = ""

    def facts(self) -> dict[str, Any]:
        """As it is printed in JSON."""
        if self.page is None:
            return {"picture": self.picture, "error": self.problem}
        return {"picture": self.picture, **self.page.facts()}

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """As they are printed in CSV: one for each string."""
        for number, string in enumerate(self.page.strings if self.page else (), 1):
            box = [round(each, 1) for each in string.box.bounds]
            review = str(string.needs_review).lower()
            yield self.picture, number, string.text, round(string.confidence, 6), review, *box


def _drawable(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is None:
        return None
    if path.suffix.lower() not in DRAWN_SUFFIXES:
        raise click.BadParameter(f"{path.name!r} is none of *{', *'.join(DRAWN_SUFFIXES)}.")
    if not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(path.parent)!r}.")
    return path


@click.command(epilog=EXIT_CODES, short_help="Read the digits on whole pages.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--csv", "form", flag_value="csv", help="Print CSV, a line for each string.")
@click.option("--jsonl", "form", flag_value="jsonl", help="Print a JSON object on a line for each picture.")
@click.option(
    "--annotate",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="OUT.png",
    callback=_drawable,
    help="Draw the boxes and answers on the picture; of several, on OUT-1.png, OUT-2.png and so on.",
)
@asks_server
def read(
    *,
    paths: tuple[str, ...],
    form: str | None,
    annotate: Path | None,
    server: dict[str, Any],
    as_json: bool,
) -> None:
    """Reads the handwritten digits on photos and scans of pages, and the strings they form.

    A PATH is a picture, a folder of pictures, a pattern such as 'scans/*.png', or - for a picture on stdin.
    A picture that cannot be read is reported, and the others are read all the same.
    """
    if form and as_json:
        raise click.UsageError("--csv, --jsonl and --json exclude each other.")
    files = list(_files(paths))
    if not files:
        raise click.UsageError(f"no pictures in {' '.join(paths)}")
    outcomes: list[_Outcome] = []
    failure = None
    try:
        for outcome in _read(files, server, annotate):
            outcomes.append(outcome)
            if form == "jsonl":
                click.echo(json.dumps(outcome.facts()))
    except CallError as error:
        failure = error
    if form != "jsonl":
        _print(outcomes, "json" if as_json else form)
    if failure:
        fail(failure)
    sys.exit(NOT_ALL_WELL if any(outcome.problem for outcome in outcomes) else 0)


def _files(paths: Iterable[str]) -> Iterator[str]:
    """The pictures that paths stand for; what does not exist is named as it is, and will be reported."""
    for path in paths:
        if path == STDIN:
            yield path
        elif Path(path).is_dir():
            inside = (each for each in Path(path).rglob("*") if each.suffix.lower() in SUFFIXES)
            yield from sorted(str(each) for each in inside if each.is_file())
        elif not Path(path).exists() and glob.has_magic(path):
            matches = sorted(each for each in glob.glob(path, recursive=True) if Path(each).is_file())  # noqa: PTH207  # absolute ones too
            yield from matches or [path]
        else:
            yield path


def _read(files: list[str], server: dict[str, Any], annotate: Path | None) -> Iterator[_Outcome]:
    with DigitClient(**server) as client:
        for number, file in enumerate(files, 1):
            try:
                picture = source(file)
                page = client.read(picture)
                if annotate is not None:
                    annotated(picture, page).save(_numbered(annotate, number, len(files)))
            except (InvalidImage, OSError) as error:
                problem = problem_of(error)
                say(f"{file}: {problem}")
                yield _Outcome(file, problem=problem)
            else:
                yield _Outcome(file, page)


def _numbered(path: Path, number: int, count: int) -> Path:
    return path if count == 1 else path.with_stem(f"{path.stem}-{number}")


def _print(outcomes: list[_Outcome], form: str | None) -> None:
    if form == "json":
        print_json(outcome.facts() for outcome in outcomes)
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row for outcome in outcomes for row in outcome.rows())
    else:
        pages = [(outcome.picture, outcome.page) for outcome in outcomes if outcome.page]
        if pages:
            print_table(pages_table(pages))
