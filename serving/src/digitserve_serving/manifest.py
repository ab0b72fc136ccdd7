"""manifest.json as the server needs it; models/manifest.schema.json is the whole contract."""

import base64
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct

SCHEMA_VERSION = 1

Probability = Annotated[float, Meta(ge=0, le=1)]


class _Schema(Struct):
    """All that a manifest of any schema has."""

    schema_version: int


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


class Shares(Struct, frozen=True):
    """How values spread over bins: bin k holds those above edge k - 1, up to and with edge k."""

    edges: Annotated[tuple[float, ...], Meta(min_length=1, max_length=255)]
    shares: tuple[Probability, ...]

    def __post_init__(self) -> None:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"edges {list(self.edges)} do not rise")
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError(
                f"{len(self.edges)} edges have {len(self.edges) + 1} bins, not {len(self.shares)}"
            )


class Distribution(Struct, frozen=True):
    """What the validation images were like at training time, and the answers to them."""

    images: Annotated[int, Meta(ge=1)]
    predictions: tuple[Probability, ...]  # by label
    confidence: Shares
    ink_density: Shares

    def shares(self) -> dict[str, tuple[float, ...]]:
        """Shares of the bins, by feature."""
        return {
            "predictions": self.predictions,
            "confidence": self.confidence.shares,
            "ink_density": self.ink_density.shares,
        }


class Manifest(Struct, frozen=True):
    """What the server knows of a model version beside its graph."""

    name: str
    version: str
    model: ModelFile
    input: Tensor
    output: Tensor
    labels: Annotated[tuple[str, ...], Meta(min_length=2, max_length=256)]
    review: Review
    metrics: AllMetrics
    golden_samples: Annotated[list[GoldenSample], Meta(min_length=1)]
    distribution: Distribution | None = None

    def __post_init__(self) -> None:
        if self.distribution and len(self.distribution.predictions) != len(self.labels):
            raise ValueError(
                f"{len(self.distribution.predictions)} shares of predictions for {len(self.labels)} labels"
            )

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
    content = path.read_bytes()
    # First, as another schema may have anything else in another way.
    if (schema := msgspec.json.decode(content, type=_Schema).schema_version) != SCHEMA_VERSION:
        raise ValueError(
            f"its schema_version is {schema}, and this server reads {SCHEMA_VERSION}: take a server that is"
            " as new as the model"
        )
    return msgspec.json.decode(content, type=Manifest)
