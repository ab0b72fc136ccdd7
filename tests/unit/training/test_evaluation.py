import math

import numpy as np
import pytest
from digitserve_training.data import LabelledImages
from digitserve_training.evaluation import evaluate


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
