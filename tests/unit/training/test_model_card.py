from typing import Any

import pytest
from digitserve_training.data import MNIST_TEST_SHA256
from digitserve_training.manifest import validate
from digitserve_training.model_card import model_card
from tiny_model import tiny_manifest, tiny_onnx


@pytest.fixture
def manifest() -> dict[str, Any]:
    made = tiny_manifest(tiny_onnx())
    made["training"]["configuration"] = {"validation_held_out": "by writer", "optimizer": {"kind": "adam"}}
    return made


def test_it_says_how_the_model_was_made_as_a_configuration_says_it(manifest: dict[str, Any]) -> None:
    card = model_card(manifest)
    assert card.startswith("# digits, version 1\n\nReads the digit off the first row of pixels; for tests.\n")
    assert 'validation_held_out = "by writer"\n\n[optimizer]\nkind = "adam"' in card
    assert "held out by writer" in card
    assert "{" not in card


def test_it_says_whose_temperature_it_is_where_others_look_again(manifest: dict[str, Any]) -> None:
    assert "before the softmax.\n" in model_card(manifest)
    manifest["training"]["configuration"]["looks"] = [{"networks": ["second 1"], "below": 0.9}]
    assert "before the softmax of the first look.\n" in model_card(manifest)


def test_without_further_figures_it_claims_none(manifest: dict[str, Any]) -> None:
    card = model_card(manifest)
    for claim in ("calibration error", "without review", "Other data", "area under"):
        assert claim not in card
    assert "What is not a digit gets an answer all the same, and may get it with confidence." in card


def test_it_tells_all_figures_that_the_manifest_has(manifest: dict[str, Any]) -> None:
    metrics = manifest["metrics"]
    metrics["test"] = metrics["test"] | {"calibration_error": 0.0012, "coverage": 0.991, "error_rate": 0.0004}
    metrics["others"] = [
        {
            "name": "semeion",
            "images": 1593,
            "accuracy": 0.9655,
            "data_sha256": "a" * 64,
            "prepared_by": "digitserve_client.imaging",
        }
    ]
    metrics["not_digits"] = [{"kind": "letters", "images": 416, "flagged": 0.953, "roc_area": 0.9812}]
    validate(manifest)
    card = model_card(manifest)
    assert "the expected calibration error is 0.12%." in card
    assert (
        "Of the test images 99.10% were answered without review; of those answers\n0.040% were wrong." in card
    )
    assert "| semeion | 1,593 | 96.55% |  |  | `aaaaaaaaaaaa` |" in card
    assert "| letters | 416 | 95.3% | 0.9812 |" in card


def test_the_licence_names_the_data_that_it_knows(manifest: dict[str, Any]) -> None:
    assert "not known to this program" in model_card(manifest)
    manifest["metrics"]["test"]["data_sha256"] = MNIST_TEST_SHA256
    assert "MNIST by Yann LeCun" in model_card(manifest)


def test_letters_are_not_called_digits(manifest: dict[str, Any]) -> None:
    manifest["labels"] = list("abcdefghij")
    card = model_card(manifest)
    assert "one upright character" in card
    assert "upright digit" not in card
