import math

import numpy as np
import pytest
from digitserve_training.data import LabelledImages
from digitserve_training.evaluation import (
    brier_score,
    calibration_error,
    calibration_error_equal_mass,
    evaluate,
    evaluate_reviewed,
    risks,
)


def test_accuracy_and_cross_entropy_are_means() -> None:
    truth = LabelledImages(np.zeros((2, 28, 28), np.uint8), np.array([0, 1], np.uint8))
    probabilities = np.full((2, 10), 0.05)
    probabilities[:, 0] = 0.55
    metrics = evaluate(probabilities, truth)
    assert (metrics.images, metrics.accuracy) == (2, 0.5)
    assert metrics.cross_entropy == pytest.approx(-(math.log(0.55) + math.log(0.05)) / 2)
    assert metrics.data_sha256 == truth.sha256()


def test_a_probability_of_0_is_not_infinitely_wrong() -> None:
    truth = LabelledImages(np.zeros((1, 28, 28), np.uint8), np.array([3], np.uint8))
    assert math.isfinite(evaluate(np.eye(10)[:1], truth).cross_entropy)


def test_the_calibration_error_weighs_each_bins_gap_by_its_answers() -> None:
    # 0.95 and 0.97 fall into the last of 15 bins, 0.5 and 0.52 into the middle one.
    confidences, right = np.array([0.95, 0.97, 0.5, 0.52]), np.array([True, True, True, False])
    assert calibration_error(confidences, right) == pytest.approx((0.05 + 0.03 + abs(0.5 - 0.48)) / 4)


def test_bins_of_equal_mass_tell_apart_what_lies_close_together() -> None:
    # Two answers in each of the 15 bins: 8 bins of which one answer is wrong, 7 where both are right.
    confidences = np.repeat([0.96, 0.98], [16, 14])
    right = np.array([True, False] * 8 + [True] * 14)
    error = calibration_error_equal_mass(confidences, right)
    assert error == pytest.approx((8 * abs(1 - 2 * 0.96) + 7 * (2 - 2 * 0.98)) / 30)
    # In the one wide bin, what the latter are too modest makes up for what the former are too sure.
    assert calibration_error(confidences, right) == pytest.approx(abs(22 - 16 * 0.96 - 14 * 0.98) / 30)


def test_sure_and_right_is_no_calibration_error() -> None:
    assert calibration_error(np.ones(20), np.ones(20, bool)) == 0
    assert calibration_error_equal_mass(np.ones(20), np.ones(20, bool)) == 0


def test_the_brier_score_is_a_squared_distance() -> None:
    assert brier_score(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0])) == 1
    assert brier_score(np.array([[0.8, 0.1, 0.1]]), np.array([0])) == pytest.approx(0.04 + 0.01 + 0.01)


def test_risk_grows_with_what_is_answered() -> None:
    confidences, right = np.array([0.6, 0.9, 0.8, 0.7]), np.array([False, True, True, False])
    assert risks(confidences, right).tolist() == [0, 0, 1 / 3, 1 / 2]


def test_answers_of_equal_confidence_share_their_errors() -> None:
    confidences, right = np.array([0.9, 0.9, 0.9, 0.5]), np.array([True, False, True, True])
    assert risks(confidences, right) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1 / 4])
    assert (risks(confidences, right) == risks(confidences[[1, 0, 2, 3]], right[[1, 0, 2, 3]])).all()


def test_review_leaves_what_is_unsure_to_a_person() -> None:
    truth = LabelledImages(np.zeros((4, 28, 28), np.uint8), np.array([0, 0, 1, 1], np.uint8))
    probabilities = np.array([[0.99, 0.01], [0.95, 0.05], [0.92, 0.08], [0.6, 0.4]])
    metrics = evaluate_reviewed(probabilities, truth, threshold=0.9)
    assert metrics.coverage == 0.75
    assert metrics.error_rate == pytest.approx(1 / 3)
    assert metrics.accuracy == evaluate(probabilities, truth).accuracy == 0.5
    assert evaluate_reviewed(probabilities, truth, threshold=1).error_rate == 0
