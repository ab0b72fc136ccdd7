import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from digitserve_training.config import Recipe
from digitserve_training.data import DIGIT_LABELS, MNIST_TEST_SHA256
from digitserve_training.distribution import distribution
from digitserve_training.evaluation import Metrics
from digitserve_training.golden import golden_images
from digitserve_training.graph import Graph
from digitserve_training.manifest import Manifest, Outcome, compose, schema, validate
from digitserve_training.model_card import model_card
from digitserve_training.review import Review
from digitserve_training.settings import Settings
from recipes import configured

SCHEMA_FILE = Path(__file__).parents[3] / "models" / "manifest.schema.json"


CONFIG = configured(
    "seed=5",
    "data.source=/secret/place/mnist.npz",
    "distillation.teachers=['/secret/teacher.onnx', '/secret/teacher/3']",
    "looks=[{below=0.8, networks=['/secret/other/2']}]",
)


@pytest.fixture(scope="module")
def manifest(graph: Graph) -> Manifest:
    return compose(outcome(graph, DIGIT_LABELS), 12)


def outcome(graph: Graph, labels: tuple[str, ...]) -> Outcome:
    return Outcome(
        settings=Settings(recipe=Recipe("mine", CONFIG), models=Path("/srv/models")),
        source="mnist.npz",
        labels=labels,
        held_out="by writer",
        fit_images=55_000,
        parameters=225_034,
        graph=graph,
        temperature=1.5,
        review=Review(0.9, "Promised.", 0.97, 0.0004),
        distribution=distribution(golden_images(), graph.probabilities(golden_images())),
        validation=Metrics(5_000, 0.992, 0.03, "0" * 64),
        test=Metrics(10_000, 0.9941, 0.02, MNIST_TEST_SHA256),
    )


def test_it_meets_the_schema_that_the_repository_holds(manifest: Manifest) -> None:
    assert schema() == json.loads(SCHEMA_FILE.read_text())
    jsonschema.validate(json.loads(json.dumps(manifest)), schema(), jsonschema.Draft202012Validator)


def test_it_describes_its_graph(manifest: Manifest, graph: Graph) -> None:
    assert (manifest["name"], manifest["version"]) == ("digits", "12")
    assert manifest["model"]["sha256"] == hashlib.sha256(graph.serialized).hexdigest()
    assert manifest["model"]["size_bytes"] == len(graph.serialized)
    assert manifest["labels"] == list("0123456789")


def test_the_golden_samples_hold_the_graphs_own_answers(manifest: Manifest, graph: Graph) -> None:
    for sample in manifest["golden_samples"]:
        pixels = np.frombuffer(base64.b64decode(sample["pixels"]), np.uint8).reshape(1, 28, 28)
        np.testing.assert_allclose(graph.probabilities(pixels)[0], sample["probabilities"], atol=1e-6)


def test_it_holds_no_folder_of_this_machine(manifest: Manifest) -> None:
    text = json.dumps({key: value for key, value in manifest.items() if key != "golden_samples"})
    assert "/" not in text
    assert "secret" not in text


def test_it_holds_every_setting(manifest: Manifest) -> None:
    training = manifest["training"]
    assert (training["preset"], training["seed"]) == ("mine", 5)
    configuration = training["configuration"]
    assert configuration["data"]["source"] == "mnist.npz"
    assert configuration["distillation"]["teachers"] == ["teacher.onnx", "teacher 3"]
    assert [layer["kind"] for layer in configuration["layers"]][-2:] == ["flatten", "dense"]
    assert (configuration["fit_images"], configuration["validation_held_out"]) == (55_000, "by writer")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ("/secret/fonts/*/files/*.woff", "fonts/*/files/*.woff"),
        ("fonts/**/*.ttf", "fonts/**/*.ttf"),
        ("../fonts/one.ttf", "fonts/one.ttf"),
        ("*.ttf", "fonts/*.ttf"),
    ],
)
def test_it_names_typefaces_from_wherever_they_were_asked_for(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: str, told: str
) -> None:
    (tmp_path / "fonts").mkdir()
    monkeypatch.chdir(tmp_path / "fonts")
    config = configured(f"typefaces={{files='{files}', share=0.1}}")
    made = replace(outcome(graph, DIGIT_LABELS), settings=Settings(recipe=Recipe("mine", config)))
    assert compose(made, 1)["training"]["configuration"]["typefaces"]["files"] == told


def test_labels_travel_from_the_data(graph: Graph) -> None:
    letters = compose(outcome(graph, tuple("abcdefghij")), 1)
    assert letters["labels"] == list("abcdefghij")
    assert letters["description"].startswith("Reads one of 10 labels")


def test_it_names_the_versions_of_the_libraries(manifest: Manifest) -> None:
    libraries = manifest["training"]["libraries"]
    assert set(libraries) == {"python", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy"}
    assert all(re.match(r"\d+\.\d+", version) for version in libraries.values())


@pytest.mark.parametrize(
    "change", [{"version": "0"}, {"extra": 1}, {"golden_samples": []}, {"name": "Digits"}]
)
def test_a_manifest_against_the_schema_is_refused(manifest: Manifest, change: Manifest) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(manifest | change)


def test_the_card_tells_people_the_same(manifest: Manifest) -> None:
    card = model_card(manifest)
    for fact in (
        "digits, version 12",
        "99.41%",
        "10,000",
        "225,034 parameters",
        "held out by writer",
        "Promised.",
    ):
        assert fact in card
    assert "MNIST by Yann LeCun" in card


def test_the_card_claims_no_mnist_for_other_data(manifest: Manifest) -> None:
    metrics = manifest["metrics"]
    other = manifest | {"metrics": metrics | {"test": metrics["test"] | {"data_sha256": "1" * 64}}}
    assert "LeCun" not in model_card(other)
