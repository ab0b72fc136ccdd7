"""metrics.json: all figures of a report."""

from collections.abc import Sequence

import msgspec
import onnxruntime
from msgspec import Struct

from digitserve_training.data import Images
from digitserve_training.report.measures import Measures
from digitserve_training.report.model import THROUGHPUT_BATCH, Model
from digitserve_training.report.stranger_measures import StrangersMeasures


class Throughput(Struct, frozen=True):
    """What onnxruntime alone does here on one thread, of the first set's images: for information."""

    images_per_s: float
    batch_size: int
    threads: int
    onnxruntime: str


class Metrics(Struct, frozen=True):
    """A model's figures on all test sets; `strangers` is None where the model does not read digits."""

    name: str
    version: str
    sha256: str
    size_bytes: int
    review_threshold: float
    throughput: Throughput
    sets: list[Measures]
    strangers: StrangersMeasures | None

    def as_json(self) -> bytes:
        """As the file has them."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def metrics(
    model: Model, measured: Sequence[Measures], strangers: StrangersMeasures | None, images: Images
) -> Metrics:
    """All of them, and how fast the graph answers to these images here."""
    file, images_per_s = model.manifest["model"], model.images_per_s(images)
    return Metrics(
        name=model.manifest["name"],
        version=model.manifest["version"],
        sha256=file["sha256"],
        size_bytes=file["size_bytes"],
        review_threshold=model.threshold,
        throughput=Throughput(round(images_per_s), THROUGHPUT_BATCH, 1, onnxruntime.__version__),
        sets=list(measured),
        strangers=strangers,
    )
