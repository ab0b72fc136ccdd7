"""The command that reads pages: files, folders, patterns or stdin in, a table, CSV or JSON out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from digitserve_client.annotation import annotated
from digitserve_client.client import DigitClient
from digitserve_client.console import EXIT_CODES, asks_model, examples, problem_of
from digitserve_client.cpus import usable_cpus
from digitserve_client.errors import InvalidImage
from digitserve_client.outcomes import PAGES, Outcome
from digitserve_client.page import Page
from digitserve_client.parallel import in_order
from digitserve_client.pictures import in_memory
from digitserve_client.pile import pile_of, refuse_overwriting, takes_pile
from digitserve_client.table import pages_table

DRAWN_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
EXAMPLES = examples(
    ("digitserve read form.jpg", "a line for each string of digits"),
    ("digitserve read --annotate seen.png form.jpg", "and the boxes drawn on the picture"),
    ("digitserve read scans/ -o strings.csv --review check/", "a pile, and what to check of it"),
    ("digitserve read scans/ -o strings.csv --resume", "goes on after an interruption"),
)


def _drawable(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is None:
        return None
    if path.suffix.lower() not in DRAWN_SUFFIXES:
        raise click.BadParameter(f"{path.name!r} is none of *{', *'.join(DRAWN_SUFFIXES)}.")
    if not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(path.parent)!r}.")
    return path


@click.command(epilog=EXAMPLES + EXIT_CODES, short_help="Read the digits on whole pages.")
@takes_pile
@click.option(
    "--annotate",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="OUT.png",
    callback=_drawable,
    help="Draw the boxes and answers on the picture; of several, on OUT-1.png, OUT-2.png and so on.",
)
@asks_model
def read(*, annotate: Path | None, server: dict[str, Any], **arguments: Any) -> None:
    """Reads the handwritten digits on photos and scans of pages, and the strings they form.

    A PATH is a picture, a folder of pictures, a pattern such as 'scans/*.png', or - for a picture on stdin.
    Results come in the order of the paths. A picture that cannot be read is reported, and the others are
    read all the same.
    """
    pile = pile_of(PAGES, _table, **arguments)
    drawings = _drawings(annotate, pile.record.done.total(), len(pile.pictures))
    refuse_overwriting(pile.pictures, [drawing for drawing in drawings if drawing])
    # The client is closed first, which ends the calls that the threads wait for.
    with ThreadPoolExecutor(usable_cpus()) as threads, DigitClient(**server) as client:

        def outcome(item: tuple[str, Path | None]) -> list[Outcome]:
            picture, drawing = item
            try:
                source = in_memory(pile.source(picture))
                page = client.read(source)
                if drawing is not None:
                    annotated(source, page).save(drawing)
            except (InvalidImage, OSError) as error:
                return [Outcome(picture, problem=problem_of(error))]
            return [Outcome(picture, page)]

        items = zip(pile.pictures, drawings, strict=True)
        pile.work_off(in_order(lambda item: threads.submit(outcome, item), items, 2 * usable_cpus()))


def _drawings(path: Path | None, done: int, count: int) -> list[Path | None]:
    """Where each picture is drawn on; the numbers go on where an interrupted run ended."""
    if path is None or done + count == 1:
        return [path] * count
    return [path.with_stem(f"{path.stem}-{number}") for number in range(done + 1, done + count + 1)]


def _table(outcomes: Sequence[Outcome]) -> Table | None:
    pages = [(each.picture, each.answer) for each in outcomes if isinstance(each.answer, Page)]
    return pages_table(pages) if pages else None
