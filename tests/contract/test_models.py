"""The models in the repository are what the manifest's schema and the server want."""

import hashlib
import json
from pathlib import Path

import jsonschema
import pytest
from bundled import BUNDLED, MODELS
from digitserve_serving.repository import VersionFolder, load_verified
from tiny_model import tiny_manifest, tiny_onnx

SCHEMA = json.loads((MODELS / "manifest.schema.json").read_text())


@pytest.mark.parametrize("folder", BUNDLED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_bundled_model_keeps_its_contract(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    jsonschema.validate(manifest, SCHEMA)
    assert manifest["model"]["size_bytes"] == (folder / "model.onnx").stat().st_size
    model = load_verified(VersionFolder(folder.parent.name, folder.name, folder), warm_up_rows=2)
    assert model.onnx.run(model.manifest.golden_images()).argmax(axis=1).tolist() == list(range(10))
    assert model.manifest.metrics.test.accuracy >= 0.99
    card = (folder / "MODEL_CARD.md").read_text()
    assert f"{model.manifest.metrics.test.accuracy:.2%}".rstrip("%").rstrip() in card


def test_the_tests_own_model_keeps_the_contract_too() -> None:
    onnx_bytes = tiny_onnx()
    manifest = tiny_manifest(onnx_bytes)
    jsonschema.validate(manifest, SCHEMA)
    assert manifest["model"]["sha256"] == hashlib.sha256(onnx_bytes).hexdigest()
