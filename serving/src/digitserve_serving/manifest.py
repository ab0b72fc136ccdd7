"""manifest.json as the server needs it; models/manifest.schema.json is the whole contract."""

import base64
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct

Probability = Annotated[float, Meta(ge=0, le=1)]


class ModelFile(Struct, frozen=True):
    """The ONNX file beside the manifest."""

    file: Literal["model.onnx"]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Tensor(Struct, frozen=True):
    """An input or output of the graph; the first axis is the batch, given by its name."""

    name: str
    dtype: Literal["uint8", "float32"]
    shape: Annotated[tuple[str | int, ...], Meta(min_length=2, max_length=3)]


class Review(Struct, frozen=True):
    """Answers with a confidence below the threshold need a person."""

    threshold: Probability
    promise: str


class Metrics(Struct, frozen=True):
    """Measured on one data set."""

    accuracy: Probability


class AllMetrics(Struct, frozen=True):
    """Measured on all data sets."""

    test: Metrics


class GoldenSample(Struct, frozen=True):
    """An image with the answer it must get."""

    pixels: str
    probabilities: list[Probability]


class Manifest(Struct, frozen=True):
    """What the server knows of a model version beside its graph."""

    schema_version: Literal[1]
    name: str
    version: str
    model: ModelFile
    input: Tensor
    output: Tensor
    labels: Annotated[tuple[str, ...], Meta(min_length=2, max_length=256)]
    review: Review
    metrics: AllMetrics
    golden_samples: Annotated[list[GoldenSample], Meta(min_length=1)]

    @property
    def height_px(self) -> int:
        """Height of the images, in pixels."""
        return int(self.input.shape[1])

    @property
    def width_px(self) -> int:
        """Width of the images, in pixels."""
        return int(self.input.shape[2])

    def golden_images(self) -> npt.NDArray[np.uint8]:
        """The golden samples' images, uint8 (N, height_px, width_px)."""
        pixels = b"".join(base64.b64decode(sample.pixels) for sample in self.golden_samples)
        return np.frombuffer(pixels, np.uint8).reshape(-1, self.height_px, self.width_px)

    def golden_probabilities(self) -> npt.NDArray[np.float32]:
        """The answers the golden samples must get, float32 (N, classes)."""
        return np.array([sample.probabilities for sample in self.golden_samples], np.float32)


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest.json. Raises OSError, or ValueError with the place of what is wrong."""
    return msgspec.json.decode(path.read_bytes(), type=Manifest)
