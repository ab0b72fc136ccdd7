import numpy as np
import pytest
import tensorflow as tf  # noqa: TID251  the loss is computed by it
from digitserve_training.config import Config
from digitserve_training.loss import loss
from recipes import configured
from scipy.special import log_softmax, softmax

RANDOM = np.random.default_rng(5)
LOGITS = RANDOM.normal(size=(6, 10)).astype(np.float32)
LABELS = RANDOM.integers(0, 10, 6).astype(np.int32)
ANSWERS = softmax(RANDOM.normal(size=(6, 10)), axis=1).astype(np.float32)
NONE = np.zeros((6, 0), np.float32)


def found(config: Config, logits: np.ndarray, labels: np.ndarray, answers: np.ndarray = NONE) -> float:
    return float(loss(tf.constant(logits), tf.constant(labels), tf.constant(answers), config))


def with_labels(logits: np.ndarray, labels: np.ndarray, smoothing: float = 0.0) -> float:
    classes = logits.shape[1]
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    return float(-(targets * log_softmax(logits, axis=1)).sum(axis=1).mean())


@pytest.mark.parametrize("smoothing", [0, 0.1])
def test_it_is_the_cross_entropy_with_smoothed_labels(smoothing: float) -> None:
    config = configured(f"loss.label_smoothing={smoothing}")
    assert found(config, LOGITS, LABELS) == pytest.approx(with_labels(LOGITS, LABELS, smoothing), rel=1e-5)


@pytest.mark.parametrize(("weight", "temperature"), [(1, 1), (0.7, 1), (0.7, 3)])
def test_teachers_count_by_their_weight(weight: float, temperature: float) -> None:
    config = configured(f"distillation={{teachers=['t'], weight={weight}, temperature={temperature}}}")
    softened = softmax(np.log(ANSWERS) / temperature, axis=1)
    taught = -(softened * log_softmax(LOGITS / temperature, axis=1)).sum(axis=1).mean()
    expected = weight * temperature**2 * taught + (1 - weight) * with_labels(LOGITS, LABELS)
    assert found(config, LOGITS, LABELS, ANSWERS) == pytest.approx(expected, rel=1e-4)


def test_where_no_teacher_was_asked_the_label_counts_alone() -> None:
    config = configured("distillation.teachers=['t']", "outliers.share=0.5")
    logits = np.concatenate([LOGITS, LOGITS[:, :1]], axis=1)
    outliers = np.full(6, 10, np.int32)
    unasked = np.zeros_like(ANSWERS)
    assert found(config, logits, outliers, unasked) == pytest.approx(with_labels(logits, outliers), rel=1e-5)
    assert found(config, logits, LABELS, ANSWERS) != pytest.approx(with_labels(logits, LABELS), rel=1e-2)
