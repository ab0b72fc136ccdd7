from itertools import chain

import numpy as np
import numpy.typing as npt
import pytest
from digitserve_training.batches import Addition, Material, Sizes, batches
from digitserve_training.config import Config
from digitserve_training.data import LabelledImages
from recipes import configured

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], npt.NDArray[np.float32]]


def made(material: Material, config: Config, first_epoch: int = 0) -> list[Batch]:
    return [(x.numpy(), y.numpy(), a.numpy()) for x, y, a in batches(material, config, first_epoch)]


def assert_same(found: list[Batch], expected: list[Batch]) -> None:
    assert len(found) == len(expected)
    for batch, wanted in zip(found, expected, strict=True):
        for part, other in zip(batch, wanted, strict=True):
            np.testing.assert_array_equal(part, other)


def numbered(count: int) -> LabelledImages:
    """Images that are told apart by their brightness."""
    values = np.arange(count, dtype=np.uint8)
    return LabelledImages(np.broadcast_to(values[:, None, None], (count, 28, 28)).copy(), values % 10)


def numbers(batch: Batch) -> list[int]:
    return [round(float(value) * 255) for value in batch[0][:, 0, 0, 0]]


def test_seed_and_epoch_decide_all_of_a_batch(drawn: LabelledImages) -> None:
    material = Material.of(drawn)
    config = configured("epochs=3", "batch_size=100", "augmentation.elastic.amplitude_px=1")
    all_epochs = made(material, config)
    assert [x.shape for x, _, _ in all_epochs] == [(100, 28, 28, 1)] * 12
    assert_same(made(material, config), all_epochs)
    assert_same(made(material, config, first_epoch=2), all_epochs[8:])
    assert not np.array_equal(
        made(material, configured("epochs=1", "batch_size=100", "seed=2"))[0][1], all_epochs[0][1]
    )


def test_every_image_passes_once_an_epoch_in_another_order() -> None:
    config = configured("epochs=2", "batch_size=20", "augmentation=false")
    found = [numbers(batch) for batch in made(Material.of(numbered(100)), config)]
    first, second = list(chain(*found[:5])), list(chain(*found[5:]))
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second


def test_no_image_is_distorted_alike_in_two_epochs(drawn: LabelledImages) -> None:
    same = LabelledImages(np.repeat(drawn.images[:1], 8, axis=0), np.zeros(8, np.uint8))
    found = made(Material.of(same), configured("epochs=4", "batch_size=8"))
    assert len({image.tobytes() for x, _, _ in found for image in x}) == 32


def test_what_does_not_fill_a_batch_is_left_for_another_epoch() -> None:
    config = configured("epochs=8", "batch_size=30", "augmentation=false")
    found = made(Material.of(numbered(100)), config)
    assert len(found) == 8 * 3
    assert set(chain(*map(numbers, found))) == set(range(100))


def test_a_set_smaller_than_a_batch_is_one_batch() -> None:
    assert Sizes.of(configured("batch_size=128"), 50) == Sizes(50, added=(), images=50, steps=1)


def test_few_images_come_as_often_as_an_epoch_needs_them(drawn: LabelledImages) -> None:
    config = configured("epochs=2", "batch_size=50", "data.epoch_images=400", "augmentation=false")
    found = [numbers(batch) for batch in made(Material.of(numbered(100)), config)]
    assert [sorted(chain(*found[at : at + 8])) for at in (0, 8)] == [sorted([*range(100)] * 4)] * 2
    assert found[:8] != found[8:]
    distorted = made(Material.of(drawn.take(np.array([0]))), configured("epochs=1", "data.epoch_images=20"))
    assert len({image.tobytes() for x, _, _ in distorted for image in x}) == 20


def test_enough_images_come_once_an_epoch_whatever_it_has_at_least() -> None:
    material = Material.of(numbered(100))
    plain = made(material, configured("epochs=2", "batch_size=40"))
    assert_same(made(material, configured("epochs=2", "batch_size=40", "data.epoch_images=100")), plain)


def test_labels_belong_to_their_images() -> None:
    [batch] = made(Material.of(numbered(100)), configured("epochs=1", "batch_size=100", "augmentation=false"))
    assert [number % 10 for number in numbers(batch)] == batch[1].tolist()


def test_additions_are_their_share_of_a_batch_and_keep_their_labels() -> None:
    digits = Addition(np.full((7, 28, 28), 254, np.uint8), np.arange(7))
    outliers = Addition(np.full((5, 28, 28), 255, np.uint8), np.full(5, 10))
    material = Material(numbered(100).images, numbered(100).labels, additions=(digits, outliers))
    shares = "drawn_digits.share=0.1", "outliers.share=0.25"
    found = made(material, configured("epochs=2", "batch_size=20", "augmentation=false", *shares))
    assert len(found) == 2 * (100 // 13)
    for images, labels, answers in found:
        assert np.round(images[:, 0, 0, 0] * 255).tolist()[13:] == [254] * 2 + [255] * 5
        assert labels[13:15].max() < 7
        assert labels[15:].tolist() == [10] * 5
        assert answers.shape == (20, 0)


@pytest.mark.parametrize("views", [0, 1])
def test_additions_are_distorted_too(drawn: LabelledImages, views: int) -> None:
    pool = Addition(np.repeat(drawn.images[:1], 3, axis=0), np.full(3, 10))
    answers = np.zeros((len(drawn), 10), np.float32) if views else None
    material = Material(drawn.images, drawn.labels, answers, (pool,))
    [first, *_] = made(material, configured("epochs=1", "outliers.share=0.5"))
    assert len({image.tobytes() for image in first[0][first[1] == 10]}) == 64


def test_views_come_in_turn_as_they_are_with_their_answers() -> None:
    views = numbered(100)
    answers = np.arange(100, dtype=np.float32)[:, None] * np.ones(10, np.float32)
    material = Material(views.images, views.labels[:50], answers)
    found = made(material, configured("epochs=4", "batch_size=50"))  # the preset distorts; these are already
    for epoch, batch in enumerate(found):
        first = 50 * (epoch % 2)
        assert sorted(numbers(batch)) == list(range(first, first + 50))
        assert batch[2][:, 0].tolist() == numbers(batch)
