import numpy as np
import pytest
from digitserve_training.data import LabelledImages
from digitserve_training.errors import DataError
from digitserve_training.split import split


def numbered(count: int, writers: int | None = None, classes: int = 10) -> LabelledImages:
    """Images that carry their own number in their first pixels, unevenly spread over the classes."""
    images = np.zeros((count, 28, 28), np.uint8)
    images.reshape(count, -1)[:, :4] = np.arange(count, dtype=">u4").view(np.uint8).reshape(count, 4)
    labels = np.minimum(np.arange(count) % (classes + 3), classes - 1).astype(np.uint8)
    return LabelledImages(images, labels, None if writers is None else np.arange(count) % writers)


def numbers(images: LabelledImages) -> list[int]:
    first = np.ascontiguousarray(images.images.reshape(len(images), -1)[:, :4])
    return [int(number) for number in first.view(">u4").ravel()]


def test_a_large_set_gives_5000_and_a_small_one_a_tenth() -> None:
    assert len(split(numbered(60_000), seed=1).validation) == 5_000
    assert len(split(numbered(1_437), seed=1).validation) == 143


def test_how_many_can_be_chosen_up_to_a_tenth() -> None:
    assert len(split(numbered(2_000), seed=1, validation_images=150).validation) == 150
    assert len(split(numbered(2_000), seed=1, validation_images=201).validation) == 200


def test_every_image_is_in_exactly_one_part() -> None:
    parts = split(numbered(2_000), seed=1)
    assert sorted(numbers(parts.fit) + numbers(parts.validation)) == list(range(2_000))


@pytest.mark.parametrize("classes", [2, 10, 47])
def test_each_class_has_its_share(classes: int) -> None:
    train = numbered(2_000, classes=classes)
    validation = split(train, seed=1).validation
    wanted = np.bincount(train.labels) / 10
    assert np.abs(np.bincount(validation.labels) - wanted).max() <= 1


def test_the_seed_decides() -> None:
    first, again, other = (split(numbered(500), seed) for seed in (1, 1, 2))
    assert numbers(first.fit) == numbers(again.fit)
    assert numbers(first.validation) == numbers(again.validation)
    assert set(numbers(first.validation)) != set(numbers(other.validation))


def test_no_writer_is_in_both_parts() -> None:
    parts = split(numbered(2_000, writers=50), seed=1)
    assert parts.held_out == "by writer"
    assert parts.fit.writers is not None
    assert parts.validation.writers is not None
    assert not set(parts.fit.writers) & set(parts.validation.writers)
    assert 200 <= len(parts.validation) <= 240
    assert len(parts.fit) + len(parts.validation) == 2_000


def test_a_limit_shortens_the_fit_only() -> None:
    parts = split(numbered(2_000), seed=1)
    limited = parts.limited(100)
    assert numbers(limited.fit) == numbers(parts.fit)[:100]
    assert len(limited.validation) == 200
    assert len(parts.limited(None).fit) == 1_800


def test_the_first_images_to_fit_on_show_all_digits() -> None:
    assert set(split(numbered(2_000), seed=1).limited(200).fit.labels) == set(range(10))


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (numbered(9), "9 images are too few to hold some out; wanted 10 images or more"),
        (numbered(500, writers=1), r"500 .* held out.* classes \[0, 1, .* wanted images by more writers of"),
        (numbered(26, writers=13, classes=26), r"wanted images by more writers of each of them"),
        (numbered(10), r"1 images are held out.* of the classes \[\d\] \(counted.*; wanted more images of"),
    ],
)
def test_too_few_images_or_writers_are_refused(train: LabelledImages, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(train, seed=1)
