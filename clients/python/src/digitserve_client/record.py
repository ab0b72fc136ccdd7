"""An output file as the record of what has been done, for a command that goes on where it was interrupted."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias

from digitserve_client.outcomes import Kind

Row: TypeAlias = dict[str, str]
"""One row of CSV, by its columns."""

LINE = b'{"picture": '  # so begins each in JSON lines


class NoRecord(ValueError):
    """A file that this command did not write."""


@dataclass(slots=True)
class Record:
    """The pictures that a file has outcomes of, and how many of those failed.

    end: the bytes that are whole. doubtful: the rows of those that a person should look at.
    """

    done: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    end: int = 0
    doubtful: list[Row] = field(default_factory=list)

    def left_of(self, pictures: Iterable[str]) -> Iterator[str]:
        """Those that are not in the record; one that is named twice is wanted twice."""
        done = Counter(self.done)
        for picture in pictures:
            if done[picture]:
                done[picture] -= 1
            else:
                yield picture


def repaired(file: Path, form: str, kind: Kind) -> Record:
    """The record in a file, once an outcome at its end that is not whole has been cut off.

    form: csv or jsonl. Raises NoRecord when the file is something else, and leaves it as it is.
    """
    record = Record()
    if file.exists():
        with file.open("rb+") as stream:
            outcomes = _lines(stream, kind) if form == "jsonl" else _rows(stream, kind)
            for rows, record.end in outcomes:
                if rows:
                    record.done[rows[0]["picture"]] += 1
                    record.failed += bool(rows[0]["error"])
                    record.doubtful += filter(is_doubtful, rows)
            if not record.end and not _is_begun(stream, form, kind):
                raise NoRecord("not written by this command: no line of it is whole")
            stream.truncate(record.end)
    return record


def _is_begun(stream: BinaryIO, form: str, kind: Kind) -> bool:
    """Whether a file without a whole line may be one whose first line was being written."""
    first = LINE if form == "jsonl" else ",".join(kind.columns).encode()
    stream.seek(0)
    return first.startswith(stream.read(len(first)))


def is_doubtful(row: Row) -> bool:
    """Whether a person should look at it."""
    return row["needs_review"] == "true" or bool(row["error"])


def _lines(stream: BinaryIO, kind: Kind) -> Iterator[tuple[list[Row], int]]:
    """The rows that each line of JSON stands for, and where it ends."""
    for line in stream:
        if not line.endswith(b"\n"):
            return
        try:
            rows = [as_row(kind, values) for values in kind.rows(json.loads(line))]
        except (ValueError, KeyError, TypeError, AttributeError) as other:
            raise NoRecord(f"not written by this command as JSON lines: {line[:60]!r}") from other
        yield rows, stream.tell()


def _rows(stream: BinaryIO, kind: Kind) -> Iterator[tuple[list[Row], int]]:
    """The rows of each picture, and where they end; at first none, and where the header ends.

    The last picture is left out, if more rows of it might have been to come.
    """
    records, end = _records(stream), 0
    for header in records:
        end = stream.tell()
        if tuple(header) != kind.columns:
            raise NoRecord(f"not written by this command as CSV: its header is {','.join(header)[:60]!r}")
        yield [], end
        break
    rows: list[Row] = []
    for values in records:
        if len(values) != len(kind.columns):
            raise NoRecord(f"not written by this command as CSV: {','.join(values)[:60]!r}")
        row = as_row(kind, values)
        if rows and (not kind.number or row[kind.number] in ("", "1")):
            yield rows, end
            rows = []
        rows.append(row)
        end = stream.tell()
    if rows and (not kind.number or not rows[0][kind.number]):
        yield rows, end


def _records(stream: BinaryIO) -> Iterator[list[str]]:
    """Whole records; one goes on over the lines while a quotation mark is open."""
    record = b""
    for line in stream:
        record += line
        if line.endswith(b"\n") and record.count(b'"') % 2 == 0:
            try:
                yield next(csv.reader([record.decode(errors="surrogateescape")]))
            except csv.Error as other:
                raise NoRecord(f"not written by this command as CSV: {record[:60]!r}") from other
            record = b""


def as_row(kind: Kind, values: Iterable[object]) -> Row:
    """By the columns of its kind."""
    return dict(zip(kind.columns, map(str, values), strict=True))
