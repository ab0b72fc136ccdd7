from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from digitserve_training.review import review, upper_limit


def answers(
    confidences: npt.NDArray[np.float64], wrong: list[int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Probabilities with these confidences in digit 3, and labels that make the given ones wrong."""
    probabilities = np.repeat((1 - confidences)[:, None] / 9, 10, axis=1)
    probabilities[:, 3] = confidences
    labels = np.full(len(confidences), 3)
    labels[wrong] = 5
    return probabilities, labels


SURE = np.linspace(0.99999, 0.9998, 5_000)
"""Confidences that expect so few errors that only those which happen count."""


def test_it_is_the_smallest_threshold_that_keeps_to_1_in_2000() -> None:
    probabilities, labels = answers(SURE, wrong=[1_000, 3_000, 4_500, 4_501, 4_502])
    found = review(probabilities, labels, "of the test")

    def rate(threshold: float) -> float:
        sure = probabilities.max(axis=1) >= threshold
        return float((labels[sure] != 3).mean())

    # Two errors are allowed among 4,000 to 5,999 answers, and the third comes at 4,500.
    assert SURE[4_500] < found.threshold <= SURE[4_499]
    assert rate(found.threshold) <= 1 / 2_000
    assert all(rate(lower) > 1 / 2_000 for lower in SURE[4_500::50])
    assert found.coverage == 4_500 / 5_000
    assert found.error_rate == 2 / 4_500


def test_what_the_confidences_expect_has_to_fit_in_with_a_reserve() -> None:
    # All are right, by luck: those of 0.9 are expected to be wrong one time in ten.
    lucky = np.repeat([0.9999, 0.9], [4_000, 1_000])
    assert review(*answers(lucky, wrong=[]), "of the test").coverage == 0.8
    # 1 in 2,500 would do, but not with half as much again in reserve.
    barely = np.full(5_000, 1 - 1 / 2_500)
    assert review(*answers(barely, wrong=[]), "of the test").coverage == 0
    amply = np.full(5_000, 1 - 1 / 3_100)
    assert review(*answers(amply, wrong=[]), "of the test").coverage == 1


def test_answers_of_equal_confidence_stay_together() -> None:
    confidences = np.repeat([0.9999, 0.9998], 2_500)
    found = review(*answers(confidences, wrong=[3_000, 4_000, 4_900]), "of the test")
    assert 0.9998 < found.threshold <= 0.9999
    assert (found.coverage, found.error_rate) == (0.5, 0)


def test_a_threshold_has_no_more_decimals_than_it_takes() -> None:
    confidences = np.repeat([0.99999, 0.6], 500)
    assert review(*answers(confidences, wrong=[700]), "of the test").threshold == 0.8


def test_without_errors_every_sure_answer_passes() -> None:
    found = review(*answers(SURE, wrong=[]), "of the test")
    assert found.threshold < SURE.min()
    assert found.coverage == 1


def test_where_no_threshold_helps_all_is_marked_and_nothing_promised() -> None:
    found = review(*answers(np.full(1_000, 0.9999), wrong=[1]), "of the test")
    assert (found.threshold, found.coverage, found.error_rate) == (1, 0, 0)
    assert found.promise.startswith("None: on 1,000 validation images of the test no threshold")


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (27, "None: 27 validation images of the test are too few"),
        (299, "None: 299 validation images of the test are too few"),
        (300, "At most 1 wrong answer in 2,000. Of 300 validation images of the test, 300"),
    ],
)
def test_images_that_show_nothing_of_the_kind_promise_nothing(images: int, told: str) -> None:
    found = review(*answers(SURE[:images], wrong=[]), "of the test")
    assert found.promise.startswith(told)
    assert (found.threshold == 1, found.coverage) == (images < 300, images >= 300)


def test_a_few_sure_answers_among_many_promise_nothing_either() -> None:
    confidences = np.repeat([0.9999, 0.5], [200, 4_800])
    found = review(*answers(confidences, wrong=[]), "of the test")
    assert (found.threshold, found.coverage) == (1, 0)
    assert found.promise.endswith("no threshold keeps errors to 1 in 2,000 and answers 300 of them.")


def test_answers_that_no_threshold_marks_promise_nothing() -> None:
    found = review(*answers(np.ones(100), wrong=[]), "of the test")
    assert (found.threshold, found.coverage) == (1, 1)
    assert found.promise.startswith("None:")


def test_the_promise_says_what_so_few_images_can_show() -> None:
    found = review(*answers(SURE, wrong=[2_000]), "of the test")
    assert "Of 5,000 validation images of the test, 5,000 were answered" in found.promise
    assert "1 of them wrongly" in found.promise
    assert "too few images to show 1 in 2,000" in found.promise
    assert "with 95 % confidence, at most 1 wrong answer in 1,054 " in found.promise
    # The mean of the confidences is 0.999895.
    assert "expect 1 in 9,523." in found.promise


def test_enough_images_show_it() -> None:
    found = review(*answers(np.linspace(0.99999, 0.9998, 7_000), wrong=[]), "of the test")
    assert (
        "none of them wrongly: this shows, with 95 % confidence, at most 1 wrong answer in 2,337"
        in found.promise
    )


@pytest.mark.parametrize(
    ("errors", "count", "limit"),
    # Clopper-Pearson, one-sided: the 95 % quantile of Beta(errors + 1, count - errors).
    [
        (0, 100, 0.02951),
        (0, 6_000, 0.000499),
        (2, 5_000, 0.0012588),
        (10, 20, 0.6980),
        (5, 5, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_upper_limit_is_clopper_and_pearsons(errors: int, count: int, limit: float) -> None:
    assert upper_limit(errors, count) == pytest.approx(limit, rel=1e-3)


def test_more_errors_give_a_higher_limit() -> None:
    limits = [upper_limit(errors, 50) for errors in range(51)]
    assert all(low < high for low, high in pairwise(limits))
