"""The data sets that Keras downloads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from data_files import printed, write_mnist
from digitserve_training.data import load
from digitserve_training.errors import DataMissing

TRAIN, TEST = printed("0123456789", 3), printed("0123456789", 1, seed=1)


@pytest.mark.parametrize("source", [None, "mnist"])
def test_keras_is_asked_for_mnist(monkeypatch: pytest.MonkeyPatch, source: str | None) -> None:
    parts = ((TRAIN.images, TRAIN.shown), (TEST.images, TEST.shown))
    monkeypatch.setattr("keras.datasets.mnist.load_data", lambda: parts)
    dataset = load(source)
    assert dataset.source == "keras.datasets.mnist"
    assert dataset.labels == tuple("0123456789")
    assert (len(dataset.train), len(dataset.test)) == (30, 10)


def test_fashion_mnist_is_read_from_keras_own_cache(tmp_path: Path) -> None:
    write_mnist(tmp_path / "datasets" / "fashion-mnist", TRAIN, TEST)
    script = (
        "from digitserve_training.data import load; d = load('fashion-mnist'); print(len(d.train), d.labels)"
    )
    environment = os.environ | {"KERAS_HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    images, labels = ran.stdout.strip().split(" ", 1)
    assert int(images) == 30
    assert labels.startswith("('T-shirt/top', 'Trouser', 'Pullover'")
    assert labels.endswith("'Bag', 'Ankle boot')")


def test_a_folder_of_that_name_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path / "mnist", TRAIN, TEST)
    monkeypatch.chdir(tmp_path)
    assert load("mnist").source == "mnist, IDX files"


@pytest.mark.parametrize(("source", "title"), [(None, "MNIST"), ("fashion-mnist", "Fashion-MNIST")])
def test_without_data_the_error_tells_the_three_ways(
    monkeypatch: pytest.MonkeyPatch, source: str | None, title: str
) -> None:
    def no_network() -> None:
        raise Exception("URL fetch failure\nand a long story")  # as Keras raises it

    monkeypatch.setattr("keras.datasets.mnist.load_data", no_network)
    monkeypatch.setattr("keras.datasets.fashion_mnist.load_data", no_network)
    with pytest.raises(DataMissing) as raised:
        load(source)
    message = str(raised.value)
    assert "\n" not in message
    assert f"downloading {title} failed (URL fetch failure)" in message
    assert all(way in message for way in ("--data", "DIGITSERVE_MNIST", "Keras"))
