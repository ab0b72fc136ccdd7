"""Between the wire and numpy, in both directions. Nothing else packs or unpacks pixels."""

import functools

import numpy as np
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import model_service_pb2 as models_pb2

from digitserve_serving.errors import InvalidRequest
from digitserve_serving.manifest import Manifest
from digitserve_serving.models import Entry, State
from digitserve_serving.runtime import Images, Probabilities

STATES = {
    State.LOADING: models_pb2.MODEL_STATE_LOADING,
    State.READY: models_pb2.MODEL_STATE_READY,
    State.FAILED: models_pb2.MODEL_STATE_FAILED,
}


def decode_image(pixels: bytes, manifest: Manifest) -> Images:
    """One image, uint8 (1, height, width). Raises InvalidRequest for any other number of bytes."""
    height, width = manifest.height_px, manifest.width_px
    if len(pixels) != height * width:
        raise InvalidRequest(
            "pixels",
            f"came with {len(pixels)} bytes; one image of {height} x {width} px is {height * width} bytes",
        )
    return _images(pixels, manifest)


def decode_images(pixels: bytes, manifest: Manifest, max_rows: int) -> Images:
    """Images, uint8 (N, height, width), 1 <= N <= max_rows. Raises InvalidRequest for anything else."""
    image_bytes = manifest.height_px * manifest.width_px
    if not pixels:
        raise InvalidRequest("pixels", f"is empty; at least one image of {image_bytes} bytes is wanted")
    if len(pixels) % image_bytes:
        raise InvalidRequest(
            "pixels",
            f"came with {len(pixels)} bytes; a multiple of {image_bytes} is wanted, for whole images",
        )
    if len(pixels) > max_rows * image_bytes:
        raise InvalidRequest(
            "pixels",
            f"came with {len(pixels) // image_bytes} images; at most {max_rows} are taken in one call",
        )
    return _images(pixels, manifest)


def encode_classification(row: Probabilities, manifest: Manifest) -> digits_pb2.Classification:
    """One readable answer from the probabilities (classes,) of one image."""
    digit = int(row.argmax())
    return digits_pb2.Classification(
        digit=digit,
        label=manifest.labels[digit],
        confidence=float(row[digit]),
        probabilities=row.tolist(),
        needs_review=bool(row[digit] < manifest.review.threshold),
    )


def encode_columns(
    rows: Probabilities, manifest: Manifest, *, include_probabilities: bool
) -> digits_pb2.ClassificationColumns:
    """A columnar answer from the probabilities (N, classes) of N images."""
    confidences = rows.max(axis=1)
    return digits_pb2.ClassificationColumns(
        digits=rows.argmax(axis=1).astype(np.uint8).tobytes(),
        confidences=confidences.tolist(),
        needs_review_indices=np.flatnonzero(confidences < manifest.review.threshold).tolist(),
        probabilities=rows.ravel().tolist() if include_probabilities else (),
        labels=_labels_to_tell(manifest.labels),
    )


def encode_version(manifest: Manifest) -> digits_pb2.ModelVersion:
    """Which model gave an answer."""
    return digits_pb2.ModelVersion(name=manifest.name, version=manifest.version)


def encode_model(entry: Entry, *, is_default: bool) -> models_pb2.Model:
    """What a model version is and how good it is."""
    model = models_pb2.Model(
        name=entry.name,
        version=entry.version,
        state=STATES[entry.state],
        state_reason=entry.reason,
        is_default=is_default,
    )
    if entry.ready:
        manifest = entry.ready.manifest
        model.labels.extend(manifest.labels)
        model.height_px, model.width_px = manifest.height_px, manifest.width_px
        model.review_threshold = manifest.review.threshold
        model.review_promise = manifest.review.promise
        model.test_accuracy = manifest.metrics.test.accuracy
        model.sha256 = manifest.model.sha256
    return model


@functools.cache
def _labels_to_tell(labels: tuple[str, ...]) -> tuple[str, ...]:
    """None where each class is called by its index: a client can tell that by itself."""
    return () if labels == tuple(str(index) for index in range(len(labels))) else labels


def _images(pixels: bytes, manifest: Manifest) -> Images:
    return np.frombuffer(pixels, np.uint8).reshape(-1, manifest.height_px, manifest.width_px)
