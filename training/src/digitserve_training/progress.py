"""What the job tells while it works: one line for each stage, on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from digitserve_training.history import Epoch


class Progress:
    """Writes stages as lines, and the fit as a moving bar on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def stage(self, name: str, text: str) -> None:
        """One line: what was done, with its numbers."""
        self._console.print(f"{name:<10}{text}", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def fitting(self, epochs: int, steps: int, done: int = 0) -> "Iterator[FitProgress]":
        """While open, shows how far the fit of so many epochs, each of so many steps, has come.

        So many epochs are `done` already.
        """
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Bars(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as bars:
            yield FitProgress(
                self,
                bars,
                bars.add_task(f"{'fit':<10}", total=epochs * steps, completed=done * steps),
                epochs,
            )


class FitProgress:
    """The fit's share of the progress."""

    def __init__(self, progress: Progress, bars: Bars, task: TaskID, epochs: int) -> None:
        self._progress = progress
        self._bars = bars
        self._task = task
        self._epochs = epochs

    def batch(self) -> None:
        """One batch is done."""
        self._bars.advance(self._task)

    def epoch(self, done: Epoch) -> None:
        """One epoch is done."""
        self._progress.stage(
            "fit",
            f"epoch {done.epoch:>2} of {self._epochs}: loss {done.loss:.4f}, validation loss "
            f"{done.validation_loss:.4f}, accuracy {done.validation_accuracy:.2%}, {done.seconds:.0f} s",
        )
