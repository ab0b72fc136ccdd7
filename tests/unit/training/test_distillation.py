import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from digitserve_training import trained
from digitserve_training.config import Config
from digitserve_training.data import LabelledImages
from digitserve_training.distillation import taught
from digitserve_training.graph import Graph
from digitserve_training.progress import Progress
from recipes import configured
from rich.console import Console


@pytest.fixture
def told() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(told: io.StringIO) -> Progress:
    return Progress(Console(file=told))


@pytest.fixture
def version(tmp_path: Path, graph: Graph) -> Path:
    """The folder of a model version, or of a finished run."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.onnx").write_bytes(graph.serialized)
    return tmp_path / "1"


def asked(config: Config) -> list[Graph]:
    return trained.graphs(config.teachers, 10)


def taught_by(*names: Path) -> Config:
    return configured(f"distillation={{teachers={[str(name) for name in names]}, views=3}}")


def test_views_are_distorted_each_in_its_own_way_and_answered_as_they_are(
    tmp_path: Path, version: Path, drawn: LabelledImages, graph: Graph, progress: Progress
) -> None:
    config = taught_by(version, version / "model.onnx")
    views, answers = taught(drawn.images, partial(asked, config), config, tmp_path / "kept", progress)
    assert views.dtype == np.uint8
    assert views.shape == (1200, 28, 28)
    assert answers.dtype == np.float32
    assert answers.shape == (1200, 10)
    first, second, third = views.reshape(3, 400, 28, 28)
    assert not np.array_equal(first, drawn.images)
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)
    np.testing.assert_allclose(answers, graph.probabilities(views), atol=1e-5)


def test_a_share_of_the_views_is_on_paper_and_answered_as_before(
    tmp_path: Path, version: Path, drawn: LabelledImages, progress: Progress
) -> None:
    config = taught_by(version)
    on_paper = configured(f"distillation={{teachers={[str(version)]}, views=3, on_paper=0.1}}")
    plain, said = taught(drawn.images, partial(asked, config), config, tmp_path / "plain", progress)
    views, answers = taught(drawn.images, partial(asked, config), on_paper, tmp_path / "paper", progress)
    assert 0.05 < (views != plain).any(axis=(1, 2)).mean() < 0.15
    np.testing.assert_array_equal(answers, said)


def test_a_run_that_goes_on_needs_no_teacher_any_more(
    tmp_path: Path, version: Path, drawn: LabelledImages, progress: Progress, told: io.StringIO
) -> None:
    config = taught_by(version)
    first = taught(drawn.images, partial(asked, config), config, tmp_path / "kept", progress)
    before = told.getvalue()
    assert "view  3 of 3, asked 1 teachers" in before
    (version / "model.onnx").unlink()
    again = taught(drawn.images, partial(asked, config), config, tmp_path / "kept", progress)
    assert told.getvalue() == before
    for found, expected in zip(again, first, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_teachers_that_disagree_count_alike(
    tmp_path: Path, version: Path, drawn: LabelledImages, graph: Graph, progress: Progress
) -> None:
    config = taught_by(version)

    class Sure(Graph):
        def __init__(self) -> None:
            pass

        def probabilities(self, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
            return np.eye(10, dtype=np.float32)[np.zeros(len(images), int)]

    views, answers = taught(drawn.images, lambda: [graph, Sure()], config, tmp_path / "kept", progress)
    np.testing.assert_allclose(answers[:, 0], (graph.probabilities(views)[:, 0] + 1) / 2, atol=1e-5)
