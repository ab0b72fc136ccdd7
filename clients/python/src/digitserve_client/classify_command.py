"""The command that reads single digits: pictures in, however many; a table, CSV or JSON out."""

import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import click
from rich.table import Table

from digitserve_client.client import DigitClient
from digitserve_client.config import IN_FLIGHT
from digitserve_client.console import EXIT_CODES, asks_model, examples
from digitserve_client.cpus import usable_cpus
from digitserve_client.outcomes import DIGITS, DigitOutcomes, Outcome, Outcomes
from digitserve_client.parallel import Pace, in_order, parts_of, workers
from digitserve_client.paths import STDIN, bytes_of
from digitserve_client.pile import pile_of, takes_pile
from digitserve_client.preparation import Part, prepared
from digitserve_client.results import Classification
from digitserve_client.table import answers_table

MOST_AT_ONCE = 1024  # pictures that are prepared, and then asked for, together: a part costs 1 ms by itself
PARTS_EACH = 4  # for each core at least, if there are so many pictures
EXAMPLES = examples(
    ("digitserve classify seven.png", "one picture"),
    ("digitserve classify scans/ 'more/*.jpg'", "folders and patterns, as a table"),
    ("digitserve classify scans/ -o digits.csv --review check/", "a pile, and what to check of it"),
    ("digitserve classify scans/ -o digits.csv --resume", "goes on after an interruption"),
    ("find . -name '*.png' -print0 | digitserve classify --files-from - --jsonl", "paths on stdin"),
    ("curl -s https://example.org/7.png | digitserve classify -", "a picture on stdin"),
)


@click.command(epilog=EXAMPLES + EXIT_CODES, short_help="Read the digit in each picture.")
@takes_pile
@asks_model
def classify(*, server: dict[str, Any], **arguments: Any) -> None:
    """Reads the digit in each picture, of any kind and size.

    A PATH is a picture, a folder of pictures, a pattern such as 'scans/*.png', or - for a picture on stdin.
    Results come in the order of the paths. A picture that cannot be read is reported, and the others are
    classified all the same.
    """
    pile = pile_of(DIGITS, _table, **arguments)
    with (
        workers(len(pile.pictures)) as preparing,
        ThreadPoolExecutor(IN_FLIGHT) as asking,
        DigitClient(**server) as client,  # is closed first, which ends the calls that the threads wait for
    ):
        most = max(1, min(MOST_AT_ONCE, len(pile.pictures) // (PARTS_EACH * usable_cpus())))
        pace = Pace(most, bytes_of(pile.pictures))
        some = parts_of(map(pile.source, pile.pictures), pace.length)
        prepare = partial(prepared, are_files=pile.are_files)
        parts = in_order(lambda sources: preparing.submit(prepare, sources), some, 2 * usable_cpus())

        def ask(part: Part) -> Future[Outcomes]:
            pace.heard(len(part.sources), part.took_s)
            return asking.submit(_asked, client, part)

        pile.work_off(in_order(ask, parts, IN_FLIGHT))


def _asked(client: DigitClient, part: Part) -> DigitOutcomes:
    # Ready images are not for everyone, so they do not stand in the method's types.
    answers = client.classify_batch(part.images) if len(part.images) else None  # type: ignore[arg-type]
    pictures = [STDIN if isinstance(source, bytes) else source for source in part.sources]
    return DigitOutcomes(pictures, answers, part.problems)


def _table(outcomes: Sequence[Outcome]) -> Table | None:
    answers = [(each.picture, each.answer) for each in outcomes if isinstance(each.answer, Classification)]
    return answers_table(answers, bars=sys.stdout.isatty()) if answers else None
