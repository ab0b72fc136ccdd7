"""Models that read letters: from published formats through training and serving to a client's answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jsonschema
import numpy as np
import pytest
from data_files import BALANCED, LETTERS, Printed, character, printed, write_emnist, write_emnist_mat
from digitserve_client import AsyncDigitClient, DigitClient
from PIL import ImageOps
from server_process import ServerProcess

SCHEMA = json.loads((Path(__file__).parents[2] / "models" / "manifest.schema.json").read_text())

pytestmark = pytest.mark.timeout(300)  # trains two networks


class Served(NamedTuple):
    """A server of both models, and the test images of each."""

    target: str
    repository: Path
    test: dict[str, Printed]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("labels")
    repository, test = folder / "models", {}
    for name, labels in {"letters": LETTERS, "balanced": BALANCED}.items():
        train, test[name] = printed(labels, 30), printed(labels, 4, seed=1)
        data = folder / name
        if name == "letters":
            write_emnist(data, name, train, test[name], first=1)
        else:
            data = write_emnist_mat(data.with_suffix(".mat"), train, test[name])
        train_model(data, name, repository)
    with ServerProcess(repository, "--default-model", "letters") as server:
        yield Served(server.target, repository, test)


def train_model(data: Path, name: str, repository: Path) -> None:
    """A small network, fitted for seconds."""
    command = [command_of("digitserve-train"), "--preset", "simple-cnn", "--data", str(data), "--name", name]
    command += ["--models", str(repository), "--runs", str(repository.parent / "runs")]
    command += ["--epochs", "3", "--batch-size", "32", "--learning-rate", "0.003", "--min-accuracy", "0.9"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.endswith(f"/models/{name}/1\n")


def command_of(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def digitserve(served: Served, *arguments: str) -> str:
    """Runs the client's command; returns what it prints."""
    command = [command_of("digitserve"), *arguments, "--target", served.target]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize(("name", "labels"), [("letters", LETTERS), ("balanced", BALANCED)])
def test_the_manifest_and_the_server_know_the_labels(served: Served, name: str, labels: str) -> None:
    manifest = json.loads((served.repository / name / "1" / "manifest.json").read_text())
    jsonschema.validate(manifest, SCHEMA)
    assert manifest["labels"] == list(labels)
    assert manifest["output"]["shape"] == ["batch", len(labels)]
    with DigitClient(served.target) as client:
        model = client.model(name)
    assert (model.labels, model.state) == (tuple(labels), "ready")
    assert model.test_accuracy == pytest.approx(manifest["metrics"]["test"]["accuracy"])


@pytest.mark.parametrize("name", ["letters", "balanced"])
def test_one_image_and_many_are_answered_with_the_models_own_labels(served: Served, name: str) -> None:
    images, shown, labels = served.test[name]
    wanted = np.array(list(labels))[shown]
    with DigitClient(served.target, model=name) as client:
        many = client.classify_batch(np.tile(images, (10, 1, 1)), probabilities=True)
        stream = list(client.classify_stream(images))
        one = [client.classify(image) for image in images[: len(labels)]]
    assert (many.labels == np.tile(wanted, 10)).mean() >= 0.9
    assert set("AbZ" if name == "balanced" else "ABZ") <= set(many.labels.tolist())
    assert many.labels.tolist() == [labels[digit] for digit in many.digits]
    assert many.probabilities is not None
    assert many.probabilities.shape == (10 * len(images), len(labels))
    assert [answer.label for answer in stream] == many.labels[: len(images)].tolist()
    assert [(answer.digit, answer.label) for answer in one] == [
        (answer.digit, answer.label) for answer in stream[: len(labels)]
    ]
    assert {len(answer.probabilities or ()) for answer in one} == {len(labels)}


async def test_the_asyncio_client_is_told_the_same(served: Served) -> None:
    images, shown, labels = served.test["letters"]
    async with AsyncDigitClient(served.target) as client:
        many = await client.classify_batch(images)
        one = await client.classify(images[0])
    assert (many.labels == np.array(list(labels))[shown]).mean() >= 0.9
    assert one.label == many[0].label == labels[one.digit]


def test_the_command_line_tells_letters(served: Served, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    for letter in "CHZ":
        on_paper = ImageOps.colorize(character(letter, random), "ivory", "navy")
        on_paper.save(tmp_path / f"{letter}.png")
    pictures = sorted(map(str, tmp_path.iterdir()))
    _, *lines = digitserve(served, "classify", *pictures).splitlines()
    assert [line.split()[1] for line in lines] == ["C", "H", "Z"]
    answers = json.loads(digitserve(served, "classify", "--json", *pictures))
    assert [(answer["digit"], answer["label"]) for answer in answers] == [(2, "C"), (7, "H"), (25, "Z")]


def test_the_command_line_lists_the_labels(served: Served) -> None:
    documents = {model["name"]: model for model in json.loads(digitserve(served, "models", "--json"))}
    assert documents["letters"]["labels"] == list(LETTERS)
    assert documents["balanced"]["labels"] == list(BALANCED)
