"""The story as a whole, on data that takes a second."""

import io
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from digitserve_training import job, outliers
from digitserve_training.config import Config, Recipe, Source, recipe
from digitserve_training.config.parts import Adam, Distillation, Look
from digitserve_training.data import Images, LabelledImages
from digitserve_training.errors import (
    AccuracyTooLow,
    DataError,
    FitDiverged,
    NetworkError,
    OtherLabels,
    RepositoryError,
    RunError,
    TrainedError,
    TrainingError,
    VerificationError,
)
from digitserve_training.graph import Graph
from digitserve_training.job import train
from digitserve_training.progress import Progress
from digitserve_training.settings import QUICK, Settings
from recipes import TINY, configured
from rich.console import Console


@pytest.fixture
def settings(tmp_path: Path, drawn: LabelledImages) -> Settings:
    file = tmp_path / "drawn.npz"
    np.savez(
        file, x_train=drawn.images, y_train=drawn.labels, x_test=drawn.images[:50], y_test=drawn.labels[:50]
    )
    return with_config(
        Settings(models=tmp_path / "models", runs=tmp_path / "runs"),
        configured(TINY, f"data.source={file}", "epochs=1", "batch_size=40"),
    )


def with_config(settings: Settings, config: Config) -> Settings:
    return replace(settings, recipe=Recipe("tiny", config))


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
        AccuracyTooLow, match=r"test accuracy 0\.\d{4} is below --min-accuracy 0.99: nothing .* more --epochs"
    ):
        train(settings, progress)
    assert not settings.models.exists()
    assert [line.split()[0] for line in told.getvalue().splitlines()] == [
        *("load", "split", "build", "run", "fit", "calibrate", "export", "verify", "review", "evaluate")
    ]
    [folder] = settings.runs.iterdir()
    accepted = Settings.of_run(folder, [Source.of_flag("min_accuracy=0", "--min-accuracy 0")])
    told.truncate(0)
    assert train(accepted, progress) == settings.models / "digits" / "1"
    assert "\nfit" not in told.getvalue()


def test_a_fit_that_diverges_is_told(settings: Settings, progress: Progress) -> None:
    wild = with_config(
        settings, msgspec.structs.replace(settings.recipe.config, optimizer=Adam(learning_rate=1e38))
    )
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


def test_a_model_of_other_classes_is_refused_before_there_is_a_run(
    settings: Settings, progress: Progress
) -> None:
    other = settings.models / "digits" / "1"
    other.mkdir(parents=True)
    (other / "manifest.json").write_text('{"labels": ["A", "B"]}')
    with pytest.raises(OtherLabels, match="digits/1 reads A, B, and the data are of 0, 1, 2"):
        train(settings, progress)
    assert not settings.runs.exists()
    with pytest.raises(AccuracyTooLow):
        train(replace(settings, name="others"), progress)


def test_a_teacher_of_other_classes_is_refused_before_there_is_a_run(
    settings: Settings, progress: Progress, tmp_path: Path, graph: Graph
) -> None:
    """As many of them: its answers would be taken for those to other questions."""
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    (teacher / "model.onnx").write_bytes(graph.serialized)
    (teacher / "manifest.json").write_text(json.dumps({"labels": list("1234567890")}))
    taught = msgspec.structs.replace(
        settings.recipe.config, distillation=Distillation(teachers=(str(teacher),))
    )
    with pytest.raises(TrainedError, match=r"it reads 1, 2, 3, .* 0, and the data are of 0, 1, 2,"):
        train(with_config(settings, taught), progress)
    looked = msgspec.structs.replace(
        settings.recipe.config, looks=(Look(networks=(str(teacher),), below=0.8),)
    )
    with pytest.raises(TrainedError, match="it reads 1, 2, 3,"):
        train(with_config(settings, looked), progress)
    by_file = msgspec.structs.replace(
        taught, distillation=Distillation(teachers=(str(teacher / "model.onnx"),))
    )
    with pytest.raises(TrainedError, match="it reads 1, 2, 3,"):
        train(with_config(settings, by_file), progress)
    assert not settings.runs.exists()


def test_a_quick_fit_sees_few_images_as_often_as_it_takes(settings: Settings, progress: Progress) -> None:
    data = Source("data", {"data": {"source": settings.recipe.config.data.source}})
    quick = recipe(overrides=[data, QUICK, Source.of_flag(TINY, TINY)])
    manifest = json.loads((train(replace(settings, recipe=quick), progress) / "manifest.json").read_text())
    configuration = manifest["training"]["configuration"]
    assert (configuration["fit_images"], configuration["epochs"]) == (360, 3)
    assert configuration["data"]["epoch_images"] == 10_000


@pytest.mark.parametrize("wrong", [["layers=[]"], ["soften_px=0.5", "layers=[{kind='flatten'}]"]])
def test_a_network_that_does_not_fit_together_is_told_before_there_is_a_run(
    settings: Settings, progress: Progress, wrong: list[str]
) -> None:
    config = configured(*wrong, f"data.source={settings.recipe.config.data.source}")
    with pytest.raises(NetworkError):
        train(with_config(settings, config), progress)
    assert not settings.runs.exists()


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("distillation.teachers=['nobody']", TrainedError),
        ("looks=[{below=0.8, networks=['nobody']}]", TrainedError),
        ("typefaces={files='nowhere/*.ttf', share=0.1}", DataError),
    ],
)
def test_what_a_recipe_needs_and_is_not_there_is_told_before_there_is_a_run(
    settings: Settings, progress: Progress, missing: str, error: type[TrainingError]
) -> None:
    source = settings.recipe.config.data.source
    with pytest.raises(error, match=r"nobody|nowhere"):
        train(with_config(settings, configured(TINY, f"data.source={source}", missing)), progress)
    assert not settings.runs.exists()


def test_it_looks_again_with_a_model_that_is_there(
    settings: Settings, progress: Progress, told: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "write_report", lambda folder, *_: folder / "report.html")
    data = f"data.source={settings.recipe.config.data.source}"
    short = (TINY, data, "epochs=1", "batch_size=40", "min_accuracy=0")
    first = train(with_config(settings, configured(*short)), progress)
    look = f"{{below=1, at_least=0, networks=['{first}']}}, {{below=0.001, at_least=0, networks=['{first}']}}"
    second = train(with_config(settings, configured(*short, "weights=float16", f"looks=[{look}]")), progress)
    assert "look      again at confidences from 0 to 1, 100.0% of the images" in told.getvalue()
    assert "look      again at confidences from 0 to 0.001, 0.0% of the images" in told.getvalue()
    assert told.getvalue().count("weights to float16") == 3, "its own, and of each that looks"
    manifest = json.loads((second / "manifest.json").read_text())
    assert manifest["description"].endswith("parameters; others look again at what it is not sure of.")
    found = manifest["training"]["configuration"]["looks"]
    assert found[0] == {"below": 1.0, "at_least": 0.0, "networks": ["digits 1"], "replaces": False}
    assert found[1]["networks"] == ["digits 1"]
    assert "If" in {node.op_type for node in onnx.load(second / "model.onnx").graph.node}


def test_a_second_network_that_answers_no_numbers_is_caught(
    settings: Settings, progress: Progress, graph: Graph, tmp_path: Path
) -> None:
    """Where the recipe would hardly ever ask it, too; and a run that goes on misses one that is gone."""
    proto = onnx.load_from_string(graph.serialized)
    weights = max(proto.graph.initializer, key=lambda array: np.prod(array.dims))
    weights.raw_data = np.full(weights.dims, np.nan, np.float32).tobytes()
    file = tmp_path / "nan.onnx"
    file.write_bytes(proto.SerializeToString())
    data = f"data.source={settings.recipe.config.data.source}"
    look = f"looks=[{{below=0.9999, at_least=0.9998, networks=['{file}']}}]"
    config = configured(TINY, data, "epochs=1", "batch_size=40", "min_accuracy=0", look)
    with pytest.raises(VerificationError, match="probabilities nan apart"):
        train(with_config(settings, config), progress)
    file.unlink()
    [run] = settings.runs.iterdir()
    with pytest.raises(TrainedError, match=r"nan\.onnx: No such file"):
        train(Settings.of_run(run), progress)


def test_a_run_holds_what_it_came_to(
    settings: Settings, progress: Progress, told: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With outliers, whose logit the graph folds in, and softened; the report has tests of its own."""
    asked: list[tuple[int, str | None]] = []

    def drawn_outliers(images: Images, count: int, seed: int, files: str | None) -> Images:
        asked.append((count, files))
        return 255 - images[np.arange(count) % len(images)]

    monkeypatch.setattr(outliers, "outliers", drawn_outliers)
    monkeypatch.setattr(job, "write_report", lambda folder, *_: folder / "report.html")
    source = settings.recipe.config.data.source
    short = ("epochs=1", "batch_size=40", "min_accuracy=0", "soften_px=0.5")
    config = configured(TINY, f"data.source={source}", *short, "outliers={share=0.2, pool=50}")
    version = train(with_config(settings, config), progress)
    assert asked == [(50, None)]
    [run] = settings.runs.iterdir()
    assert (run / "model.onnx").read_bytes() == (version / "model.onnx").read_bytes()
    assert {"config.toml", "history.csv", "checkpoints", "tensorboard", "manifest.json"} <= {
        entry.name for entry in run.iterdir()
    }
    session = onnxruntime.InferenceSession(version / "model.onnx", providers=["CPUExecutionProvider"])
    [answers] = session.run(None, {"images": np.zeros((3, 28, 28), np.uint8)})
    assert answers.shape == (3, 10)
    kernels = [
        array.dims[2:]
        for array in onnx.load(version / "model.onnx").graph.initializer
        if len(array.dims) == 4
    ]
    assert kernels == [[5, 5]]
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    assert f"report    {run}/report/report.html" in told.getvalue()
    with pytest.raises(RunError, match="it is finished"):
        Settings.of_run(run)
