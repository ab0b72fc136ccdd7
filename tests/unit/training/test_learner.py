"""One network while it learns: what is kept of it, and how exactly."""

import numpy as np
import pytest
from digitserve_training import network
from digitserve_training.batches import Material, batches
from digitserve_training.config import Config
from digitserve_training.data import LabelledImages
from digitserve_training.learner import Learner
from recipes import FORGETFUL, TINY, configured


def learned(config: Config, drawn: LabelledImages, steps: int) -> Learner:
    learner = Learner(config, 10, len(drawn))
    for batch in batches(Material.of(drawn), config).take(steps):
        learner.step(*batch)
    learner.settle()
    return learner


def apart(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return float(max(np.abs(a - b).max() for a, b in zip(one, other, strict=True)))


def test_without_averaging_the_result_is_the_model(drawn: LabelledImages) -> None:
    learner = learned(configured(TINY, "regularisation.weight_averaging=0"), drawn, 3)
    assert apart(learner.result.get_weights(), learner.model.get_weights()) == 0


def test_the_average_moves_slower_and_holds_the_statistics_too(drawn: LabelledImages) -> None:
    config = configured(TINY, "regularisation.weight_averaging=0.5", "batch_size=400")
    learner = Learner(config, 10, len(drawn))
    average = learner.result.get_weights()
    assert apart(average, learner.model.get_weights()) == 0
    for step, batch in enumerate(batches(Material.of(drawn), config).take(4), 1):
        learner.step(*batch)
        momentum = min(0.5, (1 + step) / (10 + step))
        average = [
            momentum * a + (1 - momentum) * w
            for a, w in zip(average, learner.model.get_weights(), strict=True)
        ]
        assert apart(learner.result.get_weights(), average) < 1e-6
    assert apart(learner.result.get_weights(), learner.model.get_weights()) > 1e-3


def test_it_learns_in_either_precision(drawn: LabelledImages) -> None:
    for precision in ("float32", "mixed_bfloat16"):
        config = configured(
            TINY, f"precision={precision}", "epochs=20", "batch_size=50", "optimizer.learning_rate=0.01"
        )
        learner = learned(config, drawn, 160)
        before, after = Learner(config, 10, 400).validate(drawn), learner.validate(drawn)
        assert after[0] < before[0] / 2
        assert after[1] > 0.8
        assert {weight.dtype for weight in learner.result.weights} == {"float32"}


def test_validation_is_of_the_answers_that_are_exported(drawn: LabelledImages) -> None:
    learner = Learner(configured(TINY, "outliers.share=0.1"), 10, len(drawn))
    logits = network.logits(learner.result, drawn.images)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    folded = shares[:, :10] + shares[:, 10:] / 10
    nats, accuracy = learner.validate(drawn)
    assert nats == pytest.approx(-np.log(folded[np.arange(400), drawn.labels]).mean(), rel=1e-5)
    assert accuracy == (folded.argmax(axis=1) == drawn.labels).mean()


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_restored_state_goes_on_to_the_very_same_weights(drawn: LabelledImages, kind: str) -> None:
    config = configured(
        FORGETFUL,
        f"optimizer.kind={kind}",
        "regularisation.weight_averaging=0.9",
        "epochs=2",
    )
    stream = list(batches(Material.of(drawn), config))
    first, other = learned(config, drawn, 3), Learner(config, 10, len(drawn))
    other.restore({name: np.array(value) for name, value in first.state().items()})
    for batch in stream[3:]:
        losses = first.step(*batch), other.step(*batch)
        assert float(losses[0]) == float(losses[1])
    for name, value in first.state().items():
        np.testing.assert_array_equal(other.state()[name], value)
