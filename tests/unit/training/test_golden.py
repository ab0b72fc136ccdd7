import hashlib

import numpy as np
import pytest
from digitserve_training.golden import golden_images


def test_they_are_ten_images_in_mnists_manner() -> None:
    images = golden_images()
    assert images.dtype == np.uint8
    assert images.shape == (10, 28, 28)
    assert images.max() == 255
    assert 0.05 < images.mean() / 255 < 0.2


@pytest.mark.parametrize("digit", range(10))
def test_each_fills_its_box_and_is_centred_by_mass(digit: int) -> None:
    image = golden_images()[digit]
    y, x = np.nonzero(image)
    assert 19 <= max(np.ptp(y), np.ptp(x)) + 1 <= 22
    mass = [(axis * image[y, x]).sum() / image.sum(dtype=float) for axis in (y, x)]
    np.testing.assert_allclose(mass, 13.5, atol=0.1)


def test_they_are_always_the_same() -> None:
    first, again = golden_images(), golden_images()
    np.testing.assert_array_equal(first, again)
    assert len({hashlib.sha256(image.tobytes()).digest() for image in first}) == 10
