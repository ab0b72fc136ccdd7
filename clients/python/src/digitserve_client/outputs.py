"""Results as they are written: a table for people; CSV, JSON lines or one JSON document for programs."""

import csv
import io
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO, TypeAlias

from rich.table import Table

from digitserve_client.outcomes import Kind, Outcome, Outcomes, rows_of
from digitserve_client.table import print_table

FORMS = ("csv", "jsonl", "json")
TABLE_ROWS = 1000  # held before they are printed: of more, columns may shift from one such part to the next

Tabulate: TypeAlias = Callable[[Sequence[Outcome]], Table | None]


class Output(ABC):
    """Takes outcomes, in order."""

    @abstractmethod
    def write(self, outcomes: Outcomes) -> None:
        """Writes some more."""

    @abstractmethod
    def end(self) -> None:
        """Writes what is left."""


class TableOutput(Output):
    """A table on stdout."""

    def __init__(self, tabulate: Tabulate) -> None:
        self._tabulate = tabulate
        self._held: list[Outcome] = []
        self._has_header = False

    def write(self, outcomes: Outcomes) -> None:
        """Holds them, until there are so many."""
        self._held += outcomes
        if len(self._held) >= TABLE_ROWS:
            self.end()

    def end(self) -> None:
        """Prints what is held."""
        table = self._tabulate(self._held)
        if table is not None:
            table.show_header = not self._has_header
            self._has_header = True
            print_table(table)
        self._held = []


class TextOutput(Output):
    """Lines in a file or a pipe; each call leaves whole ones behind."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, outcomes: Outcomes) -> None:
        """Writes them at once."""
        self._stream.write(self.text(outcomes))
        self._stream.flush()

    def end(self) -> None:
        """Nothing is left."""

    @abstractmethod
    def text(self, outcomes: Outcomes) -> str:
        """Of some outcomes."""


class JsonlOutput(TextOutput):
    """A JSON object on each line."""

    def text(self, outcomes: Outcomes) -> str:
        """A line for each."""
        return "".join(json.dumps(outcome.facts()) + "\n" for outcome in outcomes)


class JsonOutput(TextOutput):
    """One JSON document, a list, an object on each line."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._before = "[\n"

    def text(self, outcomes: Outcomes) -> str:
        """A line for each, whose end is left open."""
        lines = []
        for outcome in outcomes:
            lines += [self._before, json.dumps(outcome.facts())]
            self._before = ",\n"
        return "".join(lines)

    def end(self) -> None:
        """Closes the list."""
        self._stream.write("\n]\n" if self._before.startswith(",") else "[]\n")
        self._stream.flush()


class CsvOutput(TextOutput):
    """A header, unless there is one already, and rows."""

    def __init__(self, stream: TextIO, kind: Kind, *, has_header: bool) -> None:
        super().__init__(stream)
        self._kind = kind
        if not has_header:
            stream.write(",".join(kind.columns) + "\n")

    def text(self, outcomes: Outcomes) -> str:
        """As many rows for each as its kind has."""
        rows = list(rows_of(outcomes, self._kind))
        text = _csv(rows, csv.QUOTE_MINIMAL)
        # Python writes a carriage return without quotes, which it refuses to read again.
        return _csv(rows, csv.QUOTE_ALL) if "\r" in text else text


def _csv(rows: list[tuple[Any, ...]], quoting: Literal[0, 1]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(rows)
    return text.getvalue()


@contextmanager
def opened(file: Path | None, *, more: bool) -> Iterator[TextIO]:
    """The file, from its start or for `more`; stdout without one."""
    if file is None:
        yield sys.stdout
        return
    mode: Literal["a", "w"] = "a" if more else "w"
    with file.open(mode, encoding="utf-8", errors="surrogateescape", newline="") as stream:
        yield stream
