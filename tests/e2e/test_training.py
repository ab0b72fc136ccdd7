"""`digitserve-train`, from images to a version that a server can load; and killed on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import jsonschema
import numpy as np
import onnxruntime
import pytest
from digits import has_mnist, mnist_or_sklearn, write_npz

pytestmark = pytest.mark.timeout(300)

SCHEMA = json.loads((Path(__file__).parents[2] / "models" / "manifest.schema.json").read_text())
COMMAND = str(Path(sys.executable).with_name("digitserve-train"))
# Half a minute for 98 %: a third of MNIST, or scikit-learn's 1,437 digits, 10,000 times an epoch.
ENOUGH = ["--epochs", "4", "--set", "data.fit_images=20000"] if has_mnist() else ["--epochs", "6"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("training")
    places = ["--models", str(folder / "models"), "--runs", str(folder / "runs")]
    return subprocess.run(
        [COMMAND, "--quick", "--data", str(write_npz(folder / "digits.npz")), *places, *ENOUGH],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "default"},
    )


def test_it_tells_the_story_on_stderr_and_the_result_on_stdout(
    finished: subprocess.CompletedProcess[str],
) -> None:
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.endswith("/models/digits/1\n")
    stages = list(dict.fromkeys(line.split()[0] for line in finished.stderr.splitlines()))
    assert stages == [
        *("load", "split", "build", "run", "fit", "calibrate", "export", "verify", "review", "evaluate"),
        *("write", "report"),
    ]


def test_the_version_is_what_its_manifest_says(finished: subprocess.CompletedProcess[str]) -> None:
    folder = Path(finished.stdout.strip())
    assert sorted(path.name for path in folder.iterdir()) == ["MODEL_CARD.md", "manifest.json", "model.onnx"]
    manifest = json.loads((folder / "manifest.json").read_text())
    jsonschema.validate(manifest, SCHEMA)

    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    [images], [probabilities] = session.get_inputs(), session.get_outputs()
    assert [images.name, images.shape] == [manifest["input"]["name"], manifest["input"]["shape"]]
    assert [probabilities.name, probabilities.shape] == [
        manifest["output"]["name"],
        manifest["output"]["shape"],
    ]

    _, _, x_test, y_test = mnist_or_sklearn()
    [answers] = session.run([probabilities.name], {images.name: x_test})
    accuracy = float((answers.argmax(axis=1) == y_test).mean())
    assert accuracy == pytest.approx(manifest["metrics"]["test"]["accuracy"], abs=1e-3)
    assert accuracy >= 0.98
    confidences = answers.max(axis=1)
    assert confidences.min() > 0.09
    assert np.isclose(answers.sum(axis=1), 1, atol=1e-5).all()


SMALL = [
    *("--epochs", "6", "--batch-size", "64", "--seed", "3"),
    *("--set", "regularisation.weight_averaging=0.9", "--set", "augmentation.elastic.amplitude_px=1"),
    *("--set", "layers=[{kind='conv', filters=8, kernel_size=3, strides=2, batch_norm=true}, "
      "{kind='dropout', rate=0.2}, {kind='flatten'}]"),
    *("--min-accuracy", "1"),  # out of reach: all that matters here is over when it is missed
]  # fmt: skip


def test_a_run_that_is_killed_goes_on_to_the_very_same_weights(tmp_path: Path) -> None:
    x_train, y_train, x_test, y_test = mnist_or_sklearn()
    data = tmp_path / "digits.npz"
    np.savez(data, x_train=x_train[:1400], y_train=y_train[:1400], x_test=x_test[:300], y_test=y_test[:300])
    train = [COMMAND, "--data", str(data), "--models", str(tmp_path / "models"), *SMALL, "--runs"]

    to_the_end([*train, str(tmp_path / "whole")])
    killed_while_it_writes_a_checkpoint([*train, str(tmp_path / "killed")], tmp_path / "killed")
    [run] = (tmp_path / "killed").iterdir()
    told = to_the_end([COMMAND, "--resume", str(run)])

    assert "epoch  1" not in told
    [whole] = (tmp_path / "whole").iterdir()
    assert history(run) == history(whole)
    assert len(history(run)) == 6
    with (
        np.load(run / "checkpoints" / "latest.npz") as found,
        np.load(whole / "checkpoints" / "latest.npz") as wanted,
    ):
        names = set(wanted.files) - {"history"}
        assert all(np.array_equal(found[name], wanted[name]) for name in names)
    assert not list(run.rglob(".tmp-*"))


def test_a_run_that_is_asked_to_stop_leaves_no_temporary_files(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    data = write_npz(tmp_path / "digits.npz")
    train = [COMMAND, "--data", str(data), "--models", str(tmp_path / "models"), *SMALL, "--epochs", "1000"]
    with subprocess.Popen(
        [*train, "--runs", str(tmp_path / "runs")],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    ) as process:
        assert process.stderr
        next(line for line in process.stderr if line.startswith("fit"))
        assert list(temporary.iterdir())
        process.terminate()
        assert process.stderr.read().count("Traceback") == 0
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(temporary.iterdir())


def to_the_end(command: Sequence[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert "is below --min-accuracy" in ended.stderr
    return ended.stderr


def killed_while_it_writes_a_checkpoint(command: Sequence[str], runs: Path) -> None:
    """SIGKILL, as soon as a file of the second epoch or later is seen under its temporary name."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("fit"):
                break
        while process.poll() is None:
            if any(runs.glob("*/checkpoints/.tmp-*")):
                process.kill()
    assert process.returncode == -9


def history(run: Path) -> list[str]:
    """The epochs' lines, without the time they took."""
    return [line.rpartition(",")[0] for line in (run / "history.csv").read_text().splitlines()[1:]]
