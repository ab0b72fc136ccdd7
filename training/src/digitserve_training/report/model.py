"""The model that a report is about, read as a server reads it: without TensorFlow."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np

from digitserve_training.data import DIGIT_LABELS, Images
from digitserve_training.errors import ModelError
from digitserve_training.graph import Graph
from digitserve_training.manifest import Manifest, validate
from digitserve_training.repository import versions

WANTED = "the folder of a model version (model.onnx and manifest.json), or of a model, which holds versions"
THROUGHPUT_BATCH = 128
THROUGHPUT_IMAGES = 1_024
THROUGHPUT_RUNS = 5


@dataclass(frozen=True, eq=False)
class Model:
    """A version's folder, manifest and graph."""

    folder: Path
    manifest: Manifest
    graph: Graph

    @property
    def title(self) -> str:
        """Name and version, as in "digits, version 2"."""
        return f"{self.manifest['name']}, version {self.manifest['version']}"

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the answers' columns."""
        return tuple(self.manifest["labels"])

    @property
    def threshold(self) -> float:
        """The confidence, 0 to 1, below which an answer is flagged for review."""
        return float(self.manifest["review"]["threshold"])

    @property
    def reads_digits(self) -> bool:
        """Whether its classes are the ten digits."""
        return self.labels == DIGIT_LABELS

    def images_per_s(self, images: Images) -> float:
        """What the graph alone gets through on one thread, in batches of 128: the median of 5 runs.

        Of the first 1,024 of these images: a graph that looks again takes longer for what it doubts.
        """
        some = images[:THROUGHPUT_IMAGES]
        seconds = []
        for _ in range(THROUGHPUT_RUNS):  # of which the first allocates
            started = time.perf_counter()
            self.graph.probabilities(some, THROUGHPUT_BATCH)
            seconds.append(time.perf_counter() - started)
        return len(some) / float(np.median(seconds))


def read_model(folder: Path) -> Model:
    """The model version in a folder, or the newest in a model's folder. Raises ModelError."""
    version = folder if (folder / "manifest.json").exists() else _newest(folder)
    try:
        manifest = json.loads((version / "manifest.json").read_bytes())
        validate(manifest)
        serialized = (version / "model.onnx").read_bytes()
        _check_sha256(version, serialized, manifest)
    except OSError as error:
        raise ModelError(version, f"{Path(error.filename).name}: {error.strerror}", WANTED) from error
    except jsonschema.ValidationError as error:
        raise ModelError(version, f"manifest.json: {error.message}", "what its schema says") from error
    except ValueError as error:
        raise ModelError(version, f"manifest.json is no JSON ({error})", WANTED) from error
    return Model(version, manifest, _graph(version, serialized))


def _newest(folder: Path) -> Path:
    if not folder.is_dir():
        raise ModelError(folder, "no such folder", WANTED)
    if not (found := versions(folder)):
        raise ModelError(folder, "no manifest.json, and no version, in it", WANTED)
    return found[-1]


def _check_sha256(version: Path, serialized: bytes, manifest: Manifest) -> None:
    found, wanted = hashlib.sha256(serialized).hexdigest(), manifest["model"]["sha256"]
    if found != wanted:
        raise ModelError(version, f"model.onnx has SHA-256 {found[:12]}…", f"its manifest's {wanted[:12]}…")


def _graph(version: Path, serialized: bytes) -> Graph:
    try:
        return Graph(serialized)
    except Exception as error:  # onnxruntime raises a dozen classes without a common base
        raise ModelError(version, "onnxruntime cannot load model.onnx", "a valid ONNX graph") from error
