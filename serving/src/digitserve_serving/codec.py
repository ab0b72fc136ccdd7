"""Between the wire and numpy, in both directions. Nothing else packs or unpacks pixels."""

import numpy as np
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import model_service_pb2 as models_pb2

from digitserve_serving.errors import InvalidRequest
from digitserve_serving.fields import DELIMITED, FIXED32, delimited, tag, varint
from digitserve_serving.manifest import Manifest
from digitserve_serving.models import Entry, State
from digitserve_serving.runtime import Images, Probabilities

# Of ClassifyImageResponse; the responses with columns have the model under the same number.
CLASSIFICATION = digits_pb2.ClassifyImageResponse.CLASSIFICATION_FIELD_NUMBER
MODEL = digits_pb2.ClassifyImageResponse.MODEL_FIELD_NUMBER
CLASSIFICATIONS = digits_pb2.BatchClassifyImagesResponse.CLASSIFICATIONS_FIELD_NUMBER
DIGITS = digits_pb2.ClassificationColumns.DIGITS_FIELD_NUMBER
CONFIDENCES = digits_pb2.ClassificationColumns.CONFIDENCES_FIELD_NUMBER
PROBABILITIES = digits_pb2.ClassificationColumns.PROBABILITIES_FIELD_NUMBER
FLOAT_BYTES = 4

STATES = {
    State.LOADING: models_pb2.MODEL_STATE_LOADING,
    State.READY: models_pb2.MODEL_STATE_READY,
    State.FAILED: models_pb2.MODEL_STATE_FAILED,
    State.UNLOADED: models_pb2.MODEL_STATE_UNLOADED,
}


class ModelCodec:
    """Between the wire and numpy, for the requests and answers of one model."""

    def __init__(self, manifest: Manifest) -> None:
        self._height, self._width = manifest.height_px, manifest.width_px
        self._image_bytes = self._height * self._width
        self._threshold = manifest.review.threshold
        self._labels = _labels_to_tell(manifest.labels)
        # The same in every answer, so serialised only once.
        version = digits_pb2.ModelVersion(name=manifest.name, version=manifest.version).SerializeToString()
        self._version = delimited(MODEL, version)
        self._frames = [
            [_frame(digit, label, len(manifest.labels), needs_review) for needs_review in (False, True)]
            for digit, label in enumerate(manifest.labels)
        ]

    def decode_image(self, pixels: bytes) -> Images:
        """One image, uint8 (1, height, width). Raises InvalidRequest for any other number of bytes."""
        if len(pixels) != self._image_bytes:
            raise InvalidRequest(
                "pixels",
                f"came with {len(pixels)} bytes;"
                f" one image of {self._height} x {self._width} px is {self._image_bytes} bytes",
            )
        return self._images(pixels)

    def decode_images(self, pixels: bytes, max_rows: int) -> Images:
        """Images, uint8 (N, height, width), 1 <= N <= max_rows. Raises InvalidRequest for anything else."""
        image_bytes = self._image_bytes
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
        return self._images(pixels)

    def classification(self, rows: Probabilities) -> bytes:
        """A ClassifyImageResponse from the probabilities (1, classes) of one image."""
        row = rows[0]
        digit = int(row.argmax())
        before, between, after = self._frames[digit][bool(row[digit] < self._threshold)]
        return b"".join((before, row[digit].tobytes(), between, row.tobytes(), after, self._version))

    def columns(self, rows: Probabilities, *, include_probabilities: bool) -> bytes:
        """A BatchClassifyImagesResponse or StreamClassifyImagesResponse, which are alike, from the
        probabilities (N, classes) of N images.
        """
        confidences = rows.max(axis=1)
        review = np.flatnonzero(confidences < self._threshold).tolist()
        columns = (
            delimited(DIGITS, rows.argmax(axis=1).astype(np.uint8).tobytes()),
            delimited(CONFIDENCES, confidences.tobytes()),
            digits_pb2.ClassificationColumns(needs_review_indices=review).SerializeToString(),
            delimited(PROBABILITIES, rows.tobytes()) if include_probabilities else b"",
            self._labels,
        )
        return delimited(CLASSIFICATIONS, b"".join(columns)) + self._version

    def _images(self, pixels: bytes) -> Images:
        return np.frombuffer(pixels, np.uint8).reshape(-1, self._height, self._width)


def encode_model(entry: Entry, *, is_default: bool) -> models_pb2.Model:
    """What a model version is and how good it is."""
    model = models_pb2.Model(
        name=entry.name,
        version=entry.version,
        state=STATES[entry.state],
        state_reason=entry.reason,
        is_default=is_default,
        version_labels=entry.labels,
    )
    if ready := entry.ready:
        manifest = ready.manifest
        model.labels.extend(manifest.labels)
        model.height_px, model.width_px = manifest.height_px, manifest.width_px
        model.review_threshold = manifest.review.threshold
        model.review_promise = manifest.review.promise
        model.test_accuracy = manifest.metrics.test.accuracy
        model.sha256 = manifest.model.sha256
    return model


def _labels_to_tell(labels: tuple[str, ...]) -> bytes:
    """Nothing where each class is called by its index: a client can tell that by itself."""
    if labels == tuple(str(index) for index in range(len(labels))):
        return b""
    return digits_pb2.ClassificationColumns(labels=labels).SerializeToString()


def _frame(digit: int, label: str, classes: int, needs_review: bool) -> tuple[bytes, bytes, bytes]:
    """A Classification as a field, but for its floats: what stands before, between and after them."""
    one = digits_pb2.Classification
    head = one(digit=digit, label=label).SerializeToString() + tag(one.CONFIDENCE_FIELD_NUMBER, FIXED32)
    between = tag(one.PROBABILITIES_FIELD_NUMBER, DELIMITED) + varint(classes * FLOAT_BYTES)
    tail = one(needs_review=needs_review).SerializeToString()
    size = len(head) + FLOAT_BYTES + len(between) + classes * FLOAT_BYTES + len(tail)
    return tag(CLASSIFICATION, DELIMITED) + varint(size) + head, between, tail
