"""The story as a whole, on data that takes a second."""

import io
from pathlib import Path

import numpy as np
import pytest
from digitserve_training.data import LabelledImages
from digitserve_training.errors import AccuracyTooLow, FitDiverged, RepositoryError
from digitserve_training.job import train
from digitserve_training.progress import Progress
from digitserve_training.settings import Settings
from rich.console import Console


@pytest.fixture
def settings(tmp_path: Path, drawn: LabelledImages) -> Settings:
    file = tmp_path / "drawn.npz"
    np.savez(
        file, x_train=drawn.images, y_train=drawn.labels, x_test=drawn.images[:50], y_test=drawn.labels[:50]
    )
    return Settings(data=file, models=tmp_path / "models", epochs=1, batch_size=40)


@pytest.fixture
def told() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(told: io.StringIO) -> Progress:
    return Progress(Console(file=told))


def test_a_model_below_the_wanted_accuracy_is_not_written(
    settings: Settings, progress: Progress, told: io.StringIO
) -> None:
    with pytest.raises(
        AccuracyTooLow, match=r"test accuracy 0\.\d{4} is below --min-accuracy 0.99: nothing was"
    ):
        train(settings, progress)
    assert not settings.models.exists()
    assert [line.split()[0] for line in told.getvalue().splitlines()] == [
        *("load", "split", "build", "fit", "calibrate", "export", "verify", "review", "evaluate")
    ]


def test_a_fit_that_diverges_is_told(settings: Settings, progress: Progress) -> None:
    wild = Settings(data=settings.data, models=settings.models, epochs=2, learning_rate=1e38)
    with pytest.raises(FitDiverged, match=r"diverged at learning rate 1e\+38; try a smaller --learning-rate"):
        train(wild, progress)
    assert not settings.models.exists()


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    settings: Settings, progress: Progress, told: io.StringIO
) -> None:
    settings.models.write_text("a file")
    with pytest.raises(RepositoryError):
        train(settings, progress)
    assert told.getvalue() == ""
