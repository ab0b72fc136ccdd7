import numpy as np
import pytest
from digitserve_training import network
from digitserve_training.optimization import optimizer
from recipes import TINY, configured

STEPS = 10


def rates(*assignments: str) -> list[float]:
    """The learning rate at each step of four epochs."""
    made = optimizer(configured("epochs=4", *assignments), STEPS, network.build(configured(TINY), 10))
    found = []
    for step in range(4 * STEPS + 1):
        made.iterations.assign(step)
        found.append(float(made.learning_rate))
    return found


@pytest.mark.parametrize(
    ("assignments", "kind"),
    [
        (["optimizer.kind=adam"], "Adam"),
        (["optimizer.kind=adamw", "optimizer.clipnorm=1"], "Adam"),
        (["optimizer={kind='sgd', momentum=0.8}"], "SGD"),
    ],
)
def test_each_kind_moves_the_weights(assignments: list[str], kind: str) -> None:
    model = network.build(configured(TINY), 10)
    made = optimizer(configured(*assignments), STEPS, model)
    assert type(made).__name__ == kind
    before = [weight.copy() for weight in model.get_weights()]
    made.apply([np.ones(weight.shape, np.float32) for weight in model.trainable_variables])
    assert not all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_constant_rate_is_constant() -> None:
    assert set(rates("schedule={kind='constant'}", "optimizer.learning_rate=0.25")) == {0.25}


def test_a_cosine_falls_to_its_share() -> None:
    found = rates("schedule={kind='cosine', final_share=0.1}", "optimizer.learning_rate=0.5")
    assert found[0] == 0.5
    assert found[20] == pytest.approx((0.5 + 0.05) / 2)
    assert found[40] == pytest.approx(0.05)


def test_it_warms_up_first() -> None:
    found = rates("schedule={kind='cosine', warmup_epochs=1}", "optimizer.learning_rate=0.5")
    assert found[:11] == pytest.approx(np.linspace(0, 0.5, 11).tolist())
    assert found[40] == pytest.approx(0, abs=1e-6)


def test_weight_decay_spares_biases_and_normalisation() -> None:
    model = network.build(configured(TINY), 10)
    for weight in model.trainable_variables:
        weight.assign(np.ones(weight.shape))
    made = optimizer(
        configured("optimizer={kind='adamw', weight_decay=0.5, learning_rate=0.1}", "schedule.kind=constant"),
        1,
        model,
    )
    made.apply([np.zeros(weight.shape, np.float32) for weight in model.trainable_variables])
    decayed = {weight.path.split("/")[-1]: float(np.mean(weight)) for weight in model.trainable_variables}
    assert decayed == {"kernel": pytest.approx(0.95), "gamma": 1, "beta": 1, "bias": 1}


def test_the_norm_of_the_gradient_is_limited() -> None:
    model = network.build(configured(TINY), 10)
    config = configured(
        "optimizer={kind='sgd', learning_rate=1, momentum=0, nesterov=false, clipnorm=0.5}",
        "schedule.kind=constant",
    )
    before = model.get_weights()
    optimizer(config, 1, model).apply([np.full(w.shape, 9, np.float32) for w in model.trainable_variables])
    moved = sum(((a - b) ** 2).sum() for a, b in zip(before, model.get_weights(), strict=True))
    assert moved == pytest.approx(0.25, rel=1e-4)
