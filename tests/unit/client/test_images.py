"""Which images are taken, and what the wire gets."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from digitserve_client import InvalidImage
from digitserve_client.findings import Findings, PictureWarning, Polarity, PreparedPicture
from digitserve_client.images import (
    Array,
    ImageBuffer,
    ImageLike,
    Images,
    batches,
    images_of,
    many_images,
    one_image,
)

INK = np.arange(784, dtype=np.uint8).reshape(28, 28)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (INK, INK),
        (INK.T, INK.T),
        (INK[np.newaxis], INK),
        (INK.astype(np.float64) / 255, INK),
        (INK.astype(np.float32) / 255, INK),
        ((INK >= 128).astype(np.float16), np.where(INK >= 128, 255, 0)),
        (INK >= 128, np.where(INK >= 128, 255, 0)),
        (np.full((28, 28), 0.5), np.full((28, 28), 128)),
        (INK.view(np.matrix), INK),
    ],
    ids=["uint8", "transposed", "one of a batch", "float64", "float32", "float16", "bool", "half", "matrix"],
)
def test_an_array_becomes_rows_of_bytes(image: Any, expected: Any) -> None:
    row = one_image(image).rows
    assert row.shape == (1, 28, 28)
    assert row.dtype == np.uint8
    assert row.flags.c_contiguous
    np.testing.assert_array_equal(row[0], expected)


def test_bytes_are_not_copied() -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    assert np.shares_memory(many_images(images).rows, images)


@pytest.mark.parametrize(
    ("image", "came"),
    [
        (np.zeros((28, 27), np.uint8), r"shape \(28, 27\)"),
        (np.zeros(784, np.uint8), r"shape \(784,\).*reshape\(-1, 28, 28\)"),
        (np.zeros((5, 784), np.uint8), r"shape \(5, 784\).*reshape\(-1, 28, 28\)"),
        (np.zeros((5, 28, 28, 1), np.uint8), r"shape \(5, 28, 28, 1\).*reshape"),
        (np.zeros((28, 28, 1), np.uint8), r"shape \(28, 28, 1\).*reshape"),
        (np.zeros((5, 1, 28, 28), np.uint8), r"shape \(5, 1, 28, 28\).*reshape"),
        (np.zeros((28, 28, 3), np.uint8), r"shape \(28, 28, 3\).*imaging.prepare` takes a picture in colour"),
        (np.zeros((56, 14), np.uint8), r"shape \(56, 14\).*on black$"),
        (np.zeros((0, 28, 28), np.uint8), "no images"),
        (np.zeros((28, 28), np.int64), "int64"),
        (np.zeros((28, 28), np.complex128), "complex128"),
        (np.full((28, 28), 255.0), "float64 from 255 to 255.*divide by 255"),
        (np.full((28, 28), -0.1), "from -0.1 to -0.1"),
        (np.full((28, 28), np.nan, np.float32), "float32 with NaN in it"),
        (np.full((28, 28), np.inf), "from inf"),
        ([[0] * 28] * 28, "got a list"),
        (None, "None"),
        (7, "got a int"),
    ],
)
def test_anything_else_is_refused_saying_what_came_and_what_is_wanted(image: Any, came: str) -> None:
    with pytest.raises(InvalidImage, match=came) as refused:
        images_of(image)
    assert "(28, 28)" in str(refused.value)
    assert isinstance(refused.value, ValueError)


def test_one_image_is_not_two() -> None:
    with pytest.raises(InvalidImage, match="got 2 images where one is wanted"):
        one_image(np.zeros((2, 28, 28), np.uint8))


def test_a_collection_is_joined() -> None:
    rows = many_images([INK, np.zeros((2, 28, 28)), INK >= 128]).rows
    assert rows.shape == (4, 28, 28)
    np.testing.assert_array_equal(rows[0], INK)


@pytest.mark.parametrize("images", [[], iter(()), np.zeros((0, 28, 28), np.uint8)])
def test_an_empty_batch_is_refused(images: Any) -> None:
    with pytest.raises(InvalidImage, match="no images"):
        many_images(images)


def test_a_stream_is_cut_into_batches_wherever_its_arrays_end() -> None:
    buffer = ImageBuffer(4)
    images = np.arange(13, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    batches = [
        batch for part in (images[:1], images[1:11], images[11:]) for batch in buffer.add(Images(part))
    ]
    batches += buffer.flush()
    assert [len(batch) for batch in batches] == [4, 4, 4, 1]
    np.testing.assert_array_equal(Images.join(batches).rows, images)
    assert list(buffer.flush()) == []


def test_a_caller_may_fill_one_array_again_and_again() -> None:
    buffer, frame = ImageBuffer(2), np.zeros((1, 28, 28), np.uint8)
    levels = []
    for level in range(4):
        frame[:] = level
        levels += [batch.rows[:, 0, 0].tolist() for batch in list(buffer.add(Images(frame)))]
    assert levels == [[0, 1], [2, 3]]


def test_images_of_every_form_go_into_the_same_batches() -> None:
    frame = np.zeros((28, 28), np.uint8)  # one and the same, filled again and again

    def images() -> Iterator[Array]:
        for level in range(10):
            frame[:] = level
            yield frame if level % 3 else frame / 255 if level % 2 else frame[np.newaxis]

    found = list(batches(images(), 4))
    assert [batch.rows[:, 27, 27].tolist() for batch in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert {batch.rows.shape[1:] for batch in found} == {(28, 28)}
    assert {batch.rows.dtype.name for batch in found} == {"uint8"}


def doubtful(*warnings: PictureWarning) -> PreparedPicture:
    findings = Findings(polarity=Polarity.DARK_ON_LIGHT, ink_share=0.1, contrast=0.5, warnings=warnings)
    return PreparedPicture(image=INK, findings=findings)


def test_warnings_stay_with_their_picture_wherever_a_batch_ends() -> None:
    cut, faint = (PictureWarning.CUT_OFF,), (PictureWarning.FAINT, PictureWarning.SEVERAL_DIGITS)
    arrays = np.zeros((2, 28, 28), np.uint8)
    images: list[ImageLike] = [arrays, doubtful(*cut), arrays, doubtful(), INK, doubtful(*faint)]
    assert many_images(images).warnings == {2: cut, 7: faint}
    assert many_images(images)[2:8].warnings == {0: cut, 5: faint}
    found = list(batches(images, 3))
    assert [len(batch) for batch in found] == [3, 3, 2]
    assert [batch.warnings for batch in found] == [{2: cut}, {}, {1: faint}]
