"""manifest.json: all that a server, and a reader, need to know of a model beside its graph."""

import base64
import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from glob import has_magic
from importlib.metadata import packages_distributions
from importlib.metadata import version as version_of
from itertools import takewhile
from pathlib import Path
from typing import Any

import jsonschema

from digitserve_training.config.config import map_trained
from digitserve_training.data import DIGIT_LABELS, SIDE_PX
from digitserve_training.distribution import Distribution
from digitserve_training.evaluation import Metrics
from digitserve_training.golden import golden_images
from digitserve_training.graph import BATCH, INPUT, OPSET, OUTPUT, Graph
from digitserve_training.review import Review
from digitserve_training.settings import Settings

LIBRARIES = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy")

Manifest = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a job has made and measured."""

    settings: Settings
    source: str
    labels: tuple[str, ...]
    held_out: str
    fit_images: int
    parameters: int
    graph: Graph
    temperature: float
    review: Review
    distribution: Distribution
    validation: Metrics
    test: Metrics


def compose(outcome: Outcome, version: int) -> Manifest:
    """The manifest of a model version. Raises jsonschema.ValidationError if it breaks its own schema."""
    manifest: Manifest = {
        "schema_version": 1,
        "name": outcome.settings.name,
        "version": str(version),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "description": _description(outcome),
        "model": _file(outcome.graph.serialized),
        "input": {"name": INPUT, "dtype": "uint8", "shape": [BATCH, SIDE_PX, SIDE_PX]},
        "output": {"name": OUTPUT, "dtype": "float32", "shape": [BATCH, len(outcome.labels)]},
        "labels": list(outcome.labels),
        "calibration": {"method": "temperature", "temperature": outcome.temperature},
        "review": asdict(outcome.review),
        "distribution": outcome.distribution.table(),
        "metrics": {"validation": asdict(outcome.validation), "test": asdict(outcome.test)},
        "golden_samples": _golden_samples(outcome.graph),
        "training": _training(outcome),
    }
    manifest = json.loads(json.dumps(manifest))  # with lists for tuples, as a reader gets it
    validate(manifest)
    return manifest


def _description(outcome: Outcome) -> str:
    what = (
        "one handwritten digit" if outcome.labels == DIGIT_LABELS else f"one of {len(outcome.labels)} labels"
    )
    network = f"a network of {outcome.parameters:,} parameters"
    count = len(outcome.settings.recipe.config.lookers)
    again = (
        f"; {'others look' if count > 1 else 'another looks'} again at what it is not sure of"
        if count
        else ""
    )
    return f"Reads {what}, white on black in 28x28 pixels, with {network}{again}."


def validate(manifest: Manifest) -> None:
    """Raises jsonschema.ValidationError unless the manifest is what models/manifest.schema.json says."""
    jsonschema.validate(manifest, schema(), jsonschema.Draft202012Validator)


def encoded(manifest: Manifest) -> bytes:
    """The manifest as manifest.json has it."""
    return (json.dumps(manifest, indent=2) + "\n").encode()


def schema() -> dict[str, Any]:
    """The manifest's JSON schema: inside the package once installed, else where the source tree has it."""
    installed = Path(__file__).with_name("manifest.schema.json")
    in_tree = Path(__file__).parents[3] / "models" / "manifest.schema.json"
    found: dict[str, Any] = json.loads((installed if installed.exists() else in_tree).read_text())
    return found


def _file(serialized: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(serialized).hexdigest()
    return {"file": "model.onnx", "sha256": digest, "size_bytes": len(serialized), "opset": OPSET}


def _golden_samples(graph: Graph) -> list[dict[str, Any]]:
    images = golden_images()
    return [
        {
            "pixels": base64.b64encode(image.tobytes()).decode(),
            "probabilities": [round(float(share), 8) for share in answer],
        }
        for image, answer in zip(images, graph.probabilities(images, batch_size=1), strict=True)
    ]


def _training(outcome: Outcome) -> dict[str, Any]:
    """How to make it again."""
    recipe = outcome.settings.recipe
    libraries = {module: version_of(packages_distributions()[module][0]) for module in LIBRARIES}
    return {
        "preset": recipe.name,
        "parameters": outcome.parameters,
        "seed": recipe.config.seed,
        "configuration": _configuration(outcome),
        "libraries": {"python": platform.python_version()} | libraries,
    }


def _configuration(outcome: Outcome) -> dict[str, Any]:
    """The resolved configuration; names only, because folders are of the machine it was made on."""
    table = outcome.settings.recipe.config.table()
    table["data"]["source"] = outcome.source
    map_trained(table, _trained)
    if "typefaces" in table:
        table["typefaces"]["files"] = _pattern(table["typefaces"]["files"])
    return table | {"fit_images": outcome.fit_images, "validation_held_out": outcome.held_out}


def _trained(path: str) -> str:
    """Its name: of a version's folder, which is a number, the model's as well."""
    folder = Path(path)
    return f"{folder.parent.name} {folder.name}" if folder.name.isdecimal() else folder.name


def _pattern(files: str) -> str:
    """From the last folder before its wildcards on: the same where a run began and where it went on."""
    parts = Path(files).absolute().parts
    named = list(takewhile(lambda part: not has_magic(part), parts[:-1]))
    return "/".join(parts[len(named) - 1 :])
