"""A bar on stderr, for whoever watches; nothing where nobody does."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text


class _Rate(ProgressColumn):
    """Pictures in a second, of late."""

    def render(self, task: Task) -> Text:
        """As short as it can be."""
        return Text("" if task.speed is None else f"{task.speed:,.{0 if task.speed >= 10 else 1}f}/s")


class Bar:
    """How many of `total` pictures are done, how fast it goes, and how long it will yet take."""

    def __init__(self, total: int, done: int) -> None:
        columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        self._progress = Progress(
            *columns,
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._progress.add_task("", total=total, completed=done)

    def advance(self, pictures: int) -> None:
        """So many more are done."""
        self._progress.advance(self._task, pictures)

    @contextmanager
    def aside(self, *, wanted: bool) -> Iterator[None]:
        """Takes the bar away while something else is printed on the same terminal."""
        if wanted:
            self._progress.stop()
        yield
        if wanted:
            self._progress.start()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
