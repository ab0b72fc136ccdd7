import cv2
import numpy as np
import pytest
from digitserve_client.imaging.form import have_form
from digitserve_training import paper
from digitserve_training.data import Images
from digitserve_training.drawn_digits import drawn_digits
from digitserve_training.paper import on_paper


@pytest.fixture
def digits() -> Images:
    return drawn_digits(100, 1)


def test_a_seed_always_shows_the_same(digits: Images) -> None:
    first, again, other = (on_paper(digits, 0.5, (seed, 0)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_only_the_share_is_shown_otherwise(digits: Images) -> None:
    changed = (on_paper(digits, 0.3, (1, 2)) != digits).any(axis=(1, 2))
    assert 15 <= changed.sum() <= 45
    np.testing.assert_array_equal(on_paper(digits, 0.0, (1, 2)), digits)


def test_what_is_shown_is_the_same_digit_in_mnists_form(digits: Images) -> None:
    shown = on_paper(digits, 1.0, (1, 3))
    changed = (shown != digits).any(axis=(1, 2))
    assert changed.sum() > 80
    assert have_form(shown[changed]).all()
    overlap = np.minimum(shown, digits).sum((1, 2)) / np.maximum(shown, digits).sum((1, 2))
    assert np.median(overlap) > 0.5


def test_an_image_of_which_a_stroke_is_lost_stays_as_it_is(
    digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halved(ink: paper.Ink, random: paper.Random) -> paper.Picture:
        picture = np.round(255 * (1 - ink)).astype(np.uint8)
        picture[len(picture) // 2 :] = 255
        return picture

    monkeypatch.setattr(paper, "SCANNED", 0.0)
    monkeypatch.setattr(paper, "_photographed", halved)
    eights = digits[8::10]
    np.testing.assert_array_equal(on_paper(eights, 1.0, (1, 4)), eights)


def widths_px(images: Images) -> list[int]:
    return [cv2.boundingRect((image > 64).astype(np.uint8))[2] for image in images]


def test_scans_may_stretch_a_digit_but_not_a_narrow_one(
    digits: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper, "SCANNED", 1.0)
    monkeypatch.setattr(paper, "STRETCHED", 1.0)
    bars = np.zeros((10, 28, 28), np.uint8)
    bars[:, 4:24, 12:16] = 255
    assert max(widths_px(on_paper(bars, 1.0, (1, 6)))) <= 8
    fives = digits[5::10]
    assert np.mean(widths_px(on_paper(fives, 1.0, (1, 7)))) > np.mean(widths_px(fives))


@pytest.mark.parametrize("scanned", [0.0, 1.0])
@pytest.mark.parametrize("ink", [0, 1, 60])
def test_images_without_a_stroke_stay_as_they_are(
    ink: int, scanned: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper, "SCANNED", scanned)
    monkeypatch.setattr(paper, "STRETCHED", scanned)
    faint = np.full((20, 28, 28), ink, np.uint8)
    np.testing.assert_array_equal(on_paper(faint, 1.0, (1, 5)), faint)


def test_paper_stays_paper() -> None:
    ring = np.asarray(cv2.circle(np.zeros((28, 28), np.float32), (14, 14), 9, 1.0, 2), np.float32)
    for seed in range(50):
        ink = paper._inked(ring, np.random.default_rng(seed))
        rows, columns = (ink.max(axis) > 0.3 for axis in (1, 0))
        assert ink[rows][:, columns].min() == 0


def test_a_pen_that_skips_leaves_one_narrow_gap() -> None:
    bar = np.zeros((60, 40), np.float32)
    bar[:, 15:25] = 1
    for seed in range(20):
        skipped = paper._skipped(bar, np.random.default_rng(seed))
        lost = (bar - skipped) > 0.5
        assert 0 < lost.sum() < 0.2 * bar.sum()
        assert np.ptp(np.nonzero(lost)[0]) <= 2 * (paper.REACH + paper.GAP[1]) * len(bar)


def test_where_there_is_no_ink_no_pen_skips() -> None:
    pale = np.full((60, 40), 0.4, np.float32)
    np.testing.assert_array_equal(paper._skipped(pale, np.random.default_rng(1)), pale)
