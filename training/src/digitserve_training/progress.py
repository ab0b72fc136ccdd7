"""What the job tells while it works: one line for each stage, on stderr."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress:
    """Writes stages as lines, and the fit as a moving bar on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def stage(self, name: str, text: str) -> None:
        """One line: what was done, with its numbers."""
        self._console.print(f"{name:<10}{text}", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def fitting(self, epochs: int, steps: int) -> "Iterator[FitProgress]":
        """While open, shows how far the fit of so many epochs, each of so many steps, has come."""
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Bars(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as bars:
            yield FitProgress(self, bars, bars.add_task(f"{'fit':<10}", total=epochs * steps), epochs)


class FitProgress:
    """The fit's share of the progress; takes what Keras' callbacks give."""

    def __init__(self, progress: Progress, bars: Bars, task: TaskID, epochs: int) -> None:
        self._progress = progress
        self._bars = bars
        self._task = task
        self._epochs = epochs
        self._started = time.monotonic()

    def batch(self, _index: int, logs: object) -> None:
        """One batch is done."""
        self._bars.advance(self._task)

    def epoch(self, index: int, logs: Mapping[str, float]) -> None:
        """The epoch with the index, from 0, is done, with these results."""
        seconds, self._started = time.monotonic() - self._started, time.monotonic()
        self._progress.stage(
            "fit",
            f"epoch {index + 1:>2} of {self._epochs}: loss {logs['loss']:.4f}, "
            f"validation loss {logs['val_loss']:.4f}, accuracy {logs['val_accuracy']:.2%}, {seconds:.0f} s",
        )
