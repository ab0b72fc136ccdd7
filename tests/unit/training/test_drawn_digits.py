import numpy as np
import pytest
from digitserve_training import drawn_digits as drawing
from digitserve_training.digit_forms import FORMS
from digitserve_training.drawn_digits import BOX_PX, drawn_digits


def test_a_seed_always_draws_the_same() -> None:
    first, again, other = drawn_digits(20, 1), drawn_digits(20, 1), drawn_digits(20, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_share_of_them_is_on_paper() -> None:
    plain, shown = drawn_digits(100, 1), drawn_digits(100, 1, 0.5)
    assert 30 <= (shown != plain).any(axis=(1, 2)).sum() <= 70


@pytest.mark.parametrize(("coarse", "off_px"), [(0.0, 0.5), (1.0, 0.8)])  # half a pixel of the coarsest scan
def test_they_are_in_the_form_of_mnist(coarse: float, off_px: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "COARSE", coarse)
    images = drawn_digits(100, 3).astype(float)
    assert images.max() == 255
    y, x = np.indices((28, 28)) + 0.5
    for axis, across in ((x, 1), (y, 2)):
        centres = (images * axis).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
        np.testing.assert_allclose(centres, 14, atol=off_px)
        extents = (images.max(axis=across) > 127).sum(axis=1)
        assert extents.max() <= BOX_PX + 2


def test_every_digit_has_forms_and_they_are_told_apart() -> None:
    """Means of the digits: a drawn digit is nearer to the others of its kind."""
    assert len(FORMS) == 10
    images = drawn_digits(1_000, 4).reshape(100, 10, -1).astype(float)
    means = images[:50].mean(axis=0)
    nearest = ((images[50:, :, None] - means) ** 2).sum(axis=-1).argmin(axis=-1)
    assert (nearest == np.arange(10)).mean() > 0.5
