from pathlib import Path

import numpy as np
import pytest
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve_serving.codec import ModelCodec
from digitserve_serving.fields import delimited, varint
from digitserve_serving.manifest import Manifest, read_manifest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import REVIEW_THRESHOLD, expected_probabilities, image_of, write_tiny_model


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return read_manifest(write_tiny_model(tmp_path) / "manifest.json")


def written(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("vote", [255, 60], ids=["sure", "in doubt"])
@pytest.mark.parametrize("digit", range(10))
def test_one_answer_is_written_as_protobuf_would(manifest: Manifest, digit: int, vote: int) -> None:
    rows = expected_probabilities(image_of(digit, vote)[None])
    confidence = float(rows[0, digit])
    answer = digits_pb2.ClassifyImageResponse(
        classification=digits_pb2.Classification(
            digit=digit,
            label=str(digit),
            confidence=confidence,
            probabilities=rows[0].tolist(),
            needs_review=confidence < REVIEW_THRESHOLD,
        ),
        model=digits_pb2.ModelVersion(name="digits", version="1"),
    )
    assert ModelCodec(manifest).classification(rows) == written(answer)


@pytest.mark.parametrize("include_probabilities", [False, True])
@pytest.mark.parametrize("images", [1, 300])
def test_columns_are_written_as_protobuf_would(
    manifest: Manifest, images: int, include_probabilities: bool
) -> None:
    rows = expected_probabilities(np.stack([image_of(row % 10, row % 256) for row in range(images)]))
    confidences = rows.max(axis=1)
    answer = digits_pb2.BatchClassifyImagesResponse(
        classifications=digits_pb2.ClassificationColumns(
            digits=rows.argmax(axis=1).astype(np.uint8).tobytes(),
            confidences=confidences.tolist(),
            needs_review_indices=np.flatnonzero(confidences < REVIEW_THRESHOLD).tolist(),
            probabilities=rows.ravel().tolist() if include_probabilities else [],
        ),
        model=digits_pb2.ModelVersion(name="digits", version="1"),
    )
    found = ModelCodec(manifest).columns(rows, include_probabilities=include_probabilities)
    assert found == written(answer)
    assert digits_pb2.StreamClassifyImagesResponse.FromString(found).model == answer.model


@given(number=st.integers(0, 2**63 - 1), content=st.binary(max_size=300))
def test_fields_are_those_of_protobuf(number: int, content: bytes) -> None:
    classification = digits_pb2.Classification(digit=number % 2**31)
    if classification.digit:
        assert classification.SerializeToString() == b"\x08" + varint(classification.digit)
    assert digits_pb2.ClassificationColumns(digits=content).SerializeToString() == delimited(1, content)
