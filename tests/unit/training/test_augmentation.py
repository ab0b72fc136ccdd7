import numpy as np
import numpy.typing as npt
import pytest
from digitserve_training.augmentation import augment
from digitserve_training.config.parts import Affine, Augmentation, Elastic, Noise, Thickness
from digitserve_training.data import Images, LabelledImages

PARTS = {
    "affine": Augmentation(affine=Affine(rotation_deg=15, scale=0.15, shear=0.2, shift_px=2)),
    "elastic": Augmentation(elastic=Elastic(amplitude_px=1)),
    "thickness": Augmentation(thickness=Thickness(probability=1, amount=1)),
    "noise": Augmentation(noise=Noise(gaussian=0.2, intensity=0.5)),
}
ALL = Augmentation(
    PARTS["affine"].affine, PARTS["elastic"].elastic, PARTS["thickness"].thickness, PARTS["noise"].noise
)
each_part = pytest.mark.parametrize("parts", [*PARTS.values(), ALL], ids=[*PARTS, "all"])
Ink = npt.NDArray[np.float32]


def augmented(images: Images, parts: Augmentation, seed: int = 1) -> Ink:
    result: Ink = augment(images, np.array([seed, 0]), parts).numpy()
    return result


def dots(count: int, width_px: int = 4) -> Images:
    """Squares in the middle, of an even width."""
    images = np.zeros((count, 28, 28), np.uint8)
    near, far = 14 - width_px // 2, 14 + width_px // 2
    images[:, near:far, near:far] = 255
    return images


@each_part
def test_it_keeps_shape_and_range(drawn: LabelledImages, parts: Augmentation) -> None:
    result = augmented(drawn.images, parts)
    assert result.dtype == np.float32
    assert result.shape == (400, 28, 28)
    assert result.min() >= -1e-6
    assert result.max() <= 1 + 1e-6


@each_part
def test_the_seed_decides_and_every_image_gets_its_own(drawn: LabelledImages, parts: Augmentation) -> None:
    same = np.repeat(drawn.images[2:3], 5, axis=0)
    first, again, other = augmented(same, parts, 1), augmented(same, parts, 1), augmented(same, parts, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({image.tobytes() for image in first}) == 5


@pytest.mark.parametrize(
    "off",
    [
        Augmentation(),
        Augmentation(affine=Affine()),
        Augmentation(elastic=Elastic(amplitude_px=0)),
        Augmentation(thickness=Thickness(probability=0)),
        Augmentation(noise=Noise()),
    ],
)
def test_what_is_off_or_zero_leaves_the_images_as_they_are(drawn: LabelledImages, off: Augmentation) -> None:
    np.testing.assert_allclose(augmented(drawn.images, off), drawn.images / 255, atol=1e-4)


@each_part
def test_it_distorts_a_little_not_a_lot(drawn: LabelledImages, parts: Augmentation) -> None:
    before, after = drawn.images / np.float32(255), augmented(drawn.images, parts)
    changes = np.abs(after - before).mean(axis=(1, 2))
    assert np.median(changes) > 0.003
    correlations = (after * before).sum(axis=(1, 2)) / np.sqrt(
        (after**2).sum(axis=(1, 2)) * (before**2).sum(axis=(1, 2))
    )
    assert np.median(correlations) > 0.5


def test_it_turns_about_the_centre() -> None:
    turned = augmented(dots(50, 2), Augmentation(affine=Affine(rotation_deg=180)))
    np.testing.assert_allclose(turned[:, 13:15, 13:15].mean(axis=(1, 2)), 1, atol=0.25)


def test_shifts_scales_and_shears_stay_within_their_limits() -> None:
    shifted = augmented(dots(200), Augmentation(affine=Affine(shift_px=3)))
    y, x = np.indices((28, 28))
    for axis in (x, y):
        centres = (shifted * axis).sum(axis=(1, 2)) / shifted.sum(axis=(1, 2)) - 13.5
        assert 2.5 < np.abs(centres).max() <= 3.01
    areas = augmented(dots(200, 12), Augmentation(affine=Affine(scale=0.2))).sum(axis=(1, 2)) / 144
    assert 0.65 < areas.min() < 0.85
    assert 1.2 < areas.max() < 1.6


def test_digits_are_drawn_out_to_the_square_around_them() -> None:
    bars = np.zeros((300, 28, 28), np.uint8)
    bars[:150, 4:24, 9:19] = 255  # half as wide as high, then half as high as wide
    bars[150:, 9:19, 4:24] = 255
    found = augmented(bars, Augmentation(affine=Affine(stretch=0.5))) > 0.5
    widths, heights = found.any(axis=1).sum(axis=1), found.any(axis=2).sum(axis=1)
    assert set(heights[:150]) == set(widths[150:]) == {20}
    for sides in (widths[:150], heights[150:]):
        assert 60 <= (sides == 10).sum() <= 110  # those hardly drawn out count as well
        assert sides.max() in (19, 20)


def test_both_ways_of_resampling_agree(drawn: LabelledImages) -> None:
    """A field of nearly no amplitude goes the other way: through its own look-up of the pixels."""
    affine = PARTS["affine"].affine
    alone = augmented(drawn.images, Augmentation(affine=affine))
    together = augmented(drawn.images, Augmentation(affine=affine, elastic=Elastic(amplitude_px=1e-6)))
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_the_field_is_as_strong_and_as_smooth_as_it_is_said_to_be() -> None:
    """Images whose brightness is the place, so that what comes out tells where each pixel was looked up."""
    across = np.broadcast_to(np.arange(28, dtype=np.uint8) * 9, (300, 28, 28))
    moved = (augmented(across, Augmentation(elastic=Elastic(amplitude_px=0.5, smoothness_px=3))) * 255 / 9)[
        :, 4:-4, 4:-4
    ]
    field = moved - np.arange(4, 24)
    assert field.std() == pytest.approx(0.5, rel=0.05)
    for distance_px in (1, 3, 6):
        alike = (field[:, :, distance_px:] * field[:, :, :-distance_px]).mean() / field.var()
        assert alike == pytest.approx(np.exp(-(distance_px**2) / (4 * 3**2)), abs=0.05)


def test_strokes_become_thicker_and_thinner_in_place() -> None:
    widths = augmented(dots(400, 6), Augmentation(thickness=Thickness(1, 1))).sum(axis=(1, 2)) ** 0.5
    assert 4 <= widths.min() < 4.3
    assert 7.7 < widths.max() <= 8
    assert 0.4 < (widths > 6).mean() < 0.6


def test_only_so_many_strokes_change() -> None:
    areas = augmented(dots(400), Augmentation(thickness=Thickness(0.25, 1))).sum(axis=(1, 2))
    assert 0.18 < (np.abs(areas - 16) > 1e-3).mean() < 0.32


def test_noise_is_as_strong_as_it_is_said_to_be() -> None:
    grey = np.full((200, 28, 28), 128, np.uint8)
    noise = augmented(grey, Augmentation(noise=Noise(gaussian=0.1))) - grey / np.float32(255)
    deviations = noise.std(axis=(1, 2))
    assert deviations.min() < 0.01
    assert 0.09 < deviations.max() < 0.11
    levels = augmented(grey, Augmentation(noise=Noise(intensity=0.4))).mean(axis=(1, 2)) * 255 / 128
    assert 0.6 <= levels.min() < 0.63
    assert 1.37 < levels.max() <= 1.4 + 1e-6
