import numpy as np
import numpy.typing as npt
import pytest
from digitserve_training import augmentation
from digitserve_training.augmentation import augment
from digitserve_training.data import LabelledImages
from digitserve_training.fit import batches
from digitserve_training.network import as_input


def augmented(images: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.float32]:
    result: npt.NDArray[np.float32] = augment(as_input(images), np.array([seed, 0])).numpy()
    return result


def test_it_keeps_dtype_shape_and_range(drawn: LabelledImages) -> None:
    result = augmented(drawn.images, 1)
    assert result.dtype == np.float32
    assert result.shape == (400, 28, 28, 1)
    assert result.min() >= 0
    assert result.max() <= 1


def test_the_seed_decides_and_every_image_gets_its_own(drawn: LabelledImages) -> None:
    same = np.repeat(drawn.images[:1], 5, axis=0)
    first, again, other = augmented(same, 1), augmented(same, 1), augmented(same, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({image.tobytes() for image in first}) == 5


def test_it_distorts_a_little_not_a_lot(drawn: LabelledImages) -> None:
    ink = augmented(drawn.images, 1).sum(axis=(1, 2, 3)) / as_input(drawn.images).numpy().sum(axis=(1, 2, 3))
    assert 0.7 < ink.min() < 0.95
    assert 1.05 < ink.max() < 1.4


def test_it_turns_about_the_centre(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("SCALE", "SHEAR", "SHIFT_PX"):
        monkeypatch.setattr(augmentation, limit, 0.0)
    dot = np.zeros((50, 28, 28), np.uint8)
    dot[:, 13:15, 13:15] = 255
    result = augmented(dot, 1)
    np.testing.assert_allclose(result[:, 13:15, 13:15].mean(axis=(1, 2, 3)), 1, atol=0.2)


def test_batches_differ_by_epoch_and_repeat_by_seed(drawn: LabelledImages) -> None:
    def take(seed: int) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]]:
        return [(x.numpy(), y.numpy()) for x, y in batches(drawn, batch_size=200, seed=seed).take(4)]

    first, again = take(1), take(1)
    assert [x.shape for x, _ in first] == [(200, 28, 28, 1)] * 4
    for (x, y), (x_again, y_again) in zip(first, again, strict=True):
        np.testing.assert_array_equal(x, x_again)
        np.testing.assert_array_equal(y, y_again)
    for epoch in (first[:2], first[2:]):
        assert np.bincount(np.concatenate([y for _, y in epoch])).tolist() == [40] * 10
    assert not np.array_equal(first[0][1], first[2][1])
