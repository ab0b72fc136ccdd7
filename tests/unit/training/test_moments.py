"""What moment normalisation does to ink of known spread, place and slant."""

import numpy as np
import pytest
from digitserve_training import moments
from digitserve_training.data import Images, LabelledImages
from digitserve_training.moments import SPREAD_PX
from digitserve_training.network import as_input

FROM_THE_MIDDLE = np.arange(28) - 13.5


def normalised(images: Images) -> np.ndarray:
    """Float64 (N, 28, 28), from 0 to 1."""
    ink: np.ndarray = moments.MomentNormalization(dtype="float32")(as_input(images)).numpy()
    return ink[..., 0].astype(np.float64)


def blob(
    across_px: float, down_px: float, slant: float = 0.0, at: tuple[float, float] = (0.0, 0.0)
) -> Images:
    """A Gaussian of these standard deviations, leaning, its centre so far across and down from the middle."""
    y, x = np.meshgrid(FROM_THE_MIDDLE - at[1], FROM_THE_MIDDLE - at[0], indexing="ij")
    ink = np.exp(-(((x - slant * y) / across_px) ** 2 + (y / down_px) ** 2) / 2)
    image: Images = np.round(255 * ink).astype(np.uint8)[np.newaxis]
    return image


def spread(ink: np.ndarray) -> tuple[float, float, float]:
    """The standard deviations across and down, and the covariance by the variance down."""
    ink = ink[0] / ink.sum()
    y, x = FROM_THE_MIDDLE[:, np.newaxis], FROM_THE_MIDDLE
    x, y = x - (ink * x).sum(), y - (ink * y).sum()
    down = (ink * y * y).sum()
    return float(np.sqrt((ink * x * x).sum())), float(np.sqrt(down)), float((ink * x * y).sum() / down)


@pytest.mark.parametrize("slant", [-0.6, 0.0, 0.4])
@pytest.mark.parametrize("at", [(0.0, 0.0), (1.5, -2.0)])
def test_place_size_and_slant_do_not_matter(slant: float, at: tuple[float, float]) -> None:
    one, other = normalised(blob(1.5, 3, slant, at)), normalised(blob(2, 4))
    assert np.abs(one - other).max() < 0.05


def test_the_longer_side_gets_the_spread_and_the_other_the_root_of_its_ratio() -> None:
    across, down, slant = spread(normalised(blob(2, 4, 0.3)))
    assert down == pytest.approx(SPREAD_PX, rel=0.05)
    assert across == pytest.approx(SPREAD_PX * np.sqrt(2 / 4), rel=0.05)
    assert slant == pytest.approx(0, abs=0.02)
    across, down, _ = spread(normalised(blob(4, 2)))
    assert across == pytest.approx(SPREAD_PX, rel=0.05)
    assert down == pytest.approx(SPREAD_PX * np.sqrt(2 / 4), rel=0.05)


def test_beyond_the_steepest_slant_the_rest_of_it_counts_as_width() -> None:
    across, down, slant = spread(normalised(blob(1.5, 2.5, 2.0)))
    assert 0.3 < slant < 1.5
    assert max(across, down) == pytest.approx(SPREAD_PX, rel=0.05)


def test_a_digit_is_brought_upright_alike_alone_and_in_company(drawn: LabelledImages) -> None:
    images = drawn.images[:40]
    together = normalised(images)
    for count in (1, 2, 7, 32):
        parts = [normalised(images[at : at + count]) for at in range(0, len(images), count)]
        assert np.abs(np.concatenate(parts) - together).max() < 1e-5


def test_blank_paper_stays_blank() -> None:
    assert normalised(np.zeros((1, 28, 28), np.uint8)).max() == 0


def test_a_dot_stays_a_spot_and_a_full_image_ink() -> None:
    dot = np.zeros((1, 28, 28), np.uint8)
    dot[0, 3, 25] = 255
    assert 0 < (normalised(dot) > 0).mean() < 0.2
    full = normalised(np.full((1, 28, 28), 255, np.uint8))
    assert full[0, 14, 14] == 1
    assert np.isfinite(full).all()
