"""A run folder: all that one training leaves behind, and all that it needs to go on after it was stopped."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import tomli_w

from digitserve_training import checkpoint, durable, history
from digitserve_training.config.config import map_trained
from digitserve_training.data import Images
from digitserve_training.errors import RunError
from digitserve_training.history import Epoch
from digitserve_training.learner import Learner
from digitserve_training.settings import JOB_FILE, RECIPE_FILE, Settings


@dataclass(frozen=True)
class Run:
    """The folder; `config.toml` is the configuration, `history.csv` what each epoch came to."""

    folder: Path

    @classmethod
    def create(cls, settings: Settings) -> Self:
        """A new folder, named for the recipe, the time and the seed. Raises RunError."""
        recipe = settings.recipe
        name = f"{recipe.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-seed{recipe.config.seed}"
        try:
            settings.runs.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=settings.runs))
            temporary.chmod(0o755)
            (temporary / "checkpoints").mkdir()
            durable.write(temporary / RECIPE_FILE, tomli_w.dumps(_located(recipe.config.table())).encode())
            durable.write(temporary / JOB_FILE, tomli_w.dumps(settings.table()).encode())
            return cls(_renamed(temporary, settings.runs / name))
        except OSError as error:
            raise RunError(
                settings.runs / name, error.strerror or str(error), "a folder to write to"
            ) from error

    @contextmanager
    def claimed(self, data_sha256: str) -> Iterator[None]:
        """Keeps other processes off while open.

        Raises RunError for one that works on it, for other data, and for what cannot be read or written
        while it is open. The system gives the run free when the process ends, however it does.
        """
        with self._told():
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                self._lock(descriptor)
                self._tidy(data_sha256)
                yield
            finally:
                os.close(descriptor)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            wanted = "a folder to write to, with enough room: then --resume goes on with it"
            raise RunError(self.folder, error.strerror or str(error), wanted) from error

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(self.folder, "another process works on it", "one that was stopped") from error

    def _tidy(self, data_sha256: str) -> None:
        """Removes what a kill has left half written, and sees that the data are still the same."""
        for left_over in self.folder.rglob(".tmp-*"):
            left_over.unlink()
        kept = self.folder / "data.sha256"
        if kept.exists() and kept.read_text() != data_sha256:
            raise RunError(self.folder, "the training images are others than before", "the same data")
        durable.write(kept, data_sha256.encode())

    def finish(self, version: Path) -> None:
        """Takes over the files of the model version that the run has come to; what only a fit needs goes."""
        shutil.rmtree(self.distillation, ignore_errors=True)
        with self._told():
            for name in ("model.onnx", "manifest.json"):
                durable.write(self.folder / name, (version / name).read_bytes())

    def made_once(self, name: str, make: Callable[[], Images]) -> Images:
        """The images of that name, which are made when they are first asked for."""
        file = self.folder / f"{name}.npy"
        if not file.exists():
            durable.write_array(file, make())
        found: Images = np.load(file)
        return found

    def keep(self, learner: Learner, past: Sequence[Epoch]) -> None:
        """Keeps the state after an epoch; the best one's besides."""
        if history.best(past) is past[-1]:
            checkpoint.save(self._best, learner.state(), past)
        checkpoint.save(self._latest, learner.state(), past)
        self._tell(past)

    def restore(self, learner: Learner) -> list[Epoch]:
        """Brings the learner to where the run was; returns the epochs so far. Raises RunError."""
        if not self._latest.exists():
            return []
        past = self._restore(self._latest, learner)
        self._tell(past)
        return past

    def restore_best(self, learner: Learner) -> None:
        """Brings the learner to the epoch of the lowest validation loss. Raises RunError."""
        self._restore(self._best, learner)

    def _restore(self, file: Path, learner: Learner) -> list[Epoch]:
        try:
            state, past = checkpoint.load(file)
            learner.restore(state)
        except (OSError, ValueError, KeyError) as error:
            raise RunError(
                self.folder, f"{file.name} is damaged or of another kind", "a checkpoint"
            ) from error
        return past

    def _tell(self, past: Sequence[Epoch]) -> None:
        durable.write(self.history, history.as_csv(past).encode())

    @property
    def history(self) -> Path:
        """The losses and the accuracy, epoch by epoch."""
        return self.folder / "history.csv"

    @property
    def report(self) -> Path:
        """The folder of the report on what the run has come to."""
        return self.folder / "report"

    @property
    def tensorboard(self) -> Path:
        """Where TensorBoard's event files are."""
        return self.folder / "tensorboard"

    @property
    def distillation(self) -> Path:
        """Where the views and the teachers' answers are."""
        return self.folder / "distillation"

    @property
    def _latest(self) -> Path:
        return self.folder / "checkpoints" / "latest.npz"

    @property
    def _best(self) -> Path:
        return self.folder / "checkpoints" / "best.npz"


def _renamed(temporary: Path, final: Path) -> Path:
    """Under the final name, or with a number behind it if another run of the same second has that."""
    for name in (final.name, *(f"{final.name}-{number}" for number in range(2, 100))):
        if not final.with_name(name).exists():
            temporary.rename(final.with_name(name))
            return final.with_name(name)
    raise FileExistsError(final)


def _located(table: dict[str, Any]) -> dict[str, Any]:
    """The configuration with files and folders in full: a run goes on from any working directory."""
    if "source" in table["data"]:
        table["data"]["source"] = _full(table["data"]["source"])
    map_trained(table, _full)
    if "typefaces" in table:
        table["typefaces"]["files"] = str(Path(table["typefaces"]["files"]).absolute())
    return table


def _full(name: str) -> str:
    """The absolute path, if there is such a file or folder: it may be a name as well."""
    return str(Path(name).absolute()) if Path(name).exists() else name
