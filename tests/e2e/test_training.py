"""`digitserve-train --quick`, from images to a version that a server can load."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import onnxruntime
import pytest
from digits import has_mnist, mnist_or_sklearn, write_npz

SCHEMA = json.loads((Path(__file__).parents[2] / "models" / "manifest.schema.json").read_text())
# Quick mode is meant for MNIST; scikit-learn's 1,437 digits take more epochs to get as far.
SMALL_SET = ["--epochs", "15", "--batch-size", "64"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("training")
    command = [str(Path(sys.executable).with_name("digitserve-train")), "--quick"]
    command += ["--data", str(write_npz(folder / "digits.npz")), "--models", str(folder / "models")]
    return subprocess.run(
        command + ([] if has_mnist() else SMALL_SET),
        capture_output=True,
        text=True,
        timeout=110,
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
        *("load", "split", "build", "fit", "calibrate", "export", "verify", "review", "evaluate", "write")
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
    assert accuracy >= 0.9
    confidences = answers.max(axis=1)
    assert confidences.min() > 0.09
    assert np.isclose(answers.sum(axis=1), 1, atol=1e-5).all()
