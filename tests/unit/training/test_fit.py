"""A fit that is stopped goes on to the same result; and when it ends by itself."""

import csv
import io
from pathlib import Path

import keras  # noqa: TID251  the fit is of one
import numpy as np
import pytest
from digitserve_training.batches import Material
from digitserve_training.config import Config, Recipe
from digitserve_training.data import LabelledImages
from digitserve_training.errors import FitDiverged, RunError
from digitserve_training.fit import fit
from digitserve_training.history import Epoch
from digitserve_training.learner import Learner
from digitserve_training.progress import Progress
from digitserve_training.run import Run
from digitserve_training.settings import Settings
from recipes import FORGETFUL, TINY, configured
from rich.console import Console


class Stopped(Exception):
    """As a kill would, it comes between two writes."""


class StoppingRun(Run):
    """Dies after so many epochs, before or after the state is kept."""

    after, kept = 2, True

    def keep(self, learner: Learner, past: list[Epoch]) -> None:  # type: ignore[override]
        if len(past) < self.after or self.kept:
            super().keep(learner, past)
        if len(past) == self.after:
            raise Stopped


@pytest.fixture
def config() -> Config:
    return configured(
        FORGETFUL,
        *(
            "epochs=4",
            "batch_size=40",
            "regularisation.weight_averaging=0.9",
            "augmentation.elastic.amplitude_px=1",
        ),
    )


def new_run(folder: Path, config: Config) -> Run:
    return Run.create(Settings(recipe=Recipe("tiny", config), runs=folder, models=folder / "models"))


def fitted(config: Config, run: Run, drawn: LabelledImages) -> keras.Model:
    keras.utils.set_random_seed(config.seed)
    learner = Learner(config, 10, len(drawn))
    return fit(learner, Material.of(drawn), drawn, run, Progress(Console(file=io.StringIO())))


def rows(run: Run) -> list[dict[str, str]]:
    """history.csv, without the time it took."""
    return [
        {name: value for name, value in row.items() if name != "seconds"}
        for row in csv.DictReader(run.history.read_text().splitlines())
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_a_fit_that_was_stopped_goes_on_to_the_very_same_result(
    tmp_path: Path, config: Config, drawn: LabelledImages, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = new_run(tmp_path / "whole", config)
    expected = fitted(config, whole, drawn).get_weights()

    run = new_run(tmp_path / "stopped", config)
    monkeypatch.setattr(StoppingRun, "kept", kept)
    with pytest.raises(Stopped):
        fitted(config, StoppingRun(run.folder), drawn)
    assert len(rows(run)) == (2 if kept else 1)
    found = fitted(config, run, drawn).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert rows(run) == rows(whole)
    assert len(rows(run)) == 4


def test_a_finished_fit_has_nothing_left_to_do(tmp_path: Path, config: Config, drawn: LabelledImages) -> None:
    run = new_run(tmp_path, config)
    expected, told = fitted(config, run, drawn).get_weights(), run.history.read_text()
    found = fitted(config, run, drawn).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert run.history.read_text() == told


def test_it_stops_early_and_keeps_the_best(tmp_path: Path, drawn: LabelledImages) -> None:
    """At this rate the first epochs are good, and the later ones never better."""
    config = configured(
        TINY,
        *("epochs=50", "batch_size=40", "early_stopping.patience=2", "schedule.kind=constant"),
        "optimizer={kind='sgd', learning_rate=3}",
    )
    run = new_run(tmp_path, config)
    model = fitted(config, run, drawn)
    losses = [float(row["validation_loss"]) for row in rows(run)]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 50
    learner = Learner(config, 10, len(drawn))
    learner.result.set_weights(model.get_weights())
    assert learner.validate(drawn)[0] == pytest.approx(losses[best], rel=1e-6)


def test_without_early_stopping_the_last_weights_are_the_result(
    tmp_path: Path, config: Config, drawn: LabelledImages
) -> None:
    run = new_run(tmp_path, config)
    model = fitted(config, run, drawn)
    learner = Learner(config, 10, len(drawn))
    run.restore(learner)
    assert all(
        np.array_equal(a, b) for a, b in zip(model.get_weights(), learner.result.get_weights(), strict=True)
    )


def test_a_fit_that_diverges_is_told(tmp_path: Path, drawn: LabelledImages) -> None:
    config = configured("epochs=2", "batch_size=40", "optimizer.learning_rate=1e38")
    with pytest.raises(FitDiverged, match=r"diverged at learning rate 1e\+38; try a smaller --learning-rate"):
        fitted(config, new_run(tmp_path, config), drawn)


def test_tensorboard_gets_every_epoch(tmp_path: Path, config: Config, drawn: LabelledImages) -> None:
    run = new_run(tmp_path, config)
    fitted(config, run, drawn)
    events = b"".join(file.read_bytes() for file in run.tensorboard.iterdir())
    assert events.count(b"validation_loss") == 4


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", None])
def test_a_checkpoint_of_another_kind_is_refused(
    tmp_path: Path, config: Config, drawn: LabelledImages, content: bytes | None
) -> None:
    run = new_run(tmp_path, config)
    latest = run.folder / "checkpoints" / "latest.npz"
    if content is None:
        np.savez(latest, something=1)
    else:
        latest.write_bytes(content)
    with pytest.raises(RunError, match=r"latest.npz is damaged or of another kind; wanted a checkpoint"):
        fitted(config, run, drawn)


def test_a_checkpoint_of_another_network_is_refused(
    tmp_path: Path, config: Config, drawn: LabelledImages
) -> None:
    run = new_run(tmp_path, config)
    fitted(configured(TINY, "epochs=1"), run, drawn)
    with pytest.raises(RunError, match=r"latest\.npz is damaged"):
        fitted(config, run, drawn)
