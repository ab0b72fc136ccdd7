"""The history of a fit, read back from its history.csv."""

import csv
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from digitserve_training.errors import ReportError
from digitserve_training.history import Epoch

WANTED = f"a run's history.csv, with the columns {', '.join(field.name for field in fields(Epoch))}"


def read_history(file: Path) -> Sequence[Epoch]:
    """The epochs, in their order, at least one. Raises ReportError."""
    try:
        with file.open(newline="") as stream:
            past = [_epoch(row) for row in csv.DictReader(stream)]
    except OSError as error:
        raise ReportError(str(file), error.strerror or str(error), WANTED) from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ReportError(str(file), f"not such a table ({error})", WANTED) from error
    if not past:
        raise ReportError(str(file), "no epoch in it", WANTED)
    return past


def _epoch(row: dict[str, str]) -> Epoch:
    numbers = {field.name: float(row[field.name]) for field in fields(Epoch) if field.name != "epoch"}
    return Epoch(epoch=int(row["epoch"]), **numbers)
