import numpy as np
import numpy.typing as npt
import pytest
from digitserve_training.calibration import folded, temperature


def sampled(
    true_temperature: float, count: int = 20_000
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Logits, and labels drawn from what they mean at the temperature."""
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, (count, 10))
    gumbel = random.gumbel(size=logits.shape)
    return logits, (logits / true_temperature + gumbel).argmax(axis=1)


@pytest.mark.parametrize("known", [0.5, 1.0, 2.5])
def test_it_recovers_a_known_temperature(known: float) -> None:
    assert temperature(*sampled(known)) == pytest.approx(known, rel=0.03)


def test_it_is_where_the_likelihood_is_highest() -> None:
    logits, labels = sampled(1.7, count=500)

    def nats(candidate: float) -> float:
        return float(-np.log(folded(logits, 10, candidate)[np.arange(len(labels)), labels]).mean())

    best = temperature(logits, labels)
    assert nats(best) < min(nats(best * 1.05), nats(best / 1.05))


def test_without_any_error_there_is_nothing_to_learn() -> None:
    logits = np.eye(10) * 8
    assert temperature(logits, np.arange(10)) == 1


def test_it_stays_within_its_limits() -> None:
    assert temperature(np.eye(10) * 100, np.roll(np.arange(10), 1)) == pytest.approx(10)


def test_probabilities_survive_large_logits() -> None:
    found = folded(np.array([[1000.0, 0.0], [-1000.0, -1000.0]]), classes=2)
    assert found.tolist() == [[1, 0], [0.5, 0.5]]


def test_none_of_them_makes_every_class_as_likely() -> None:
    # Shares of 1/4, 1/4 and 1/2: the last is no class, and half of it goes to each.
    found = folded(np.log([[1.0, 1.0, 2.0]]), classes=2)
    assert found == pytest.approx(np.array([[0.5, 0.5]]))
    sure, unsure = folded(np.array([[8.0, 0.0, 0.0], [8.0, 0.0, 12.0]]), classes=2).max(axis=1)
    assert sure > 0.99
    assert unsure < 0.52


def test_the_temperature_is_that_of_the_folded_distribution() -> None:
    logits, labels = sampled(1.7, count=2_000)
    extra = np.hstack([logits, np.full((len(logits), 1), 4.0)])

    def nats(candidate: float) -> float:
        return float(-np.log(folded(extra, 10, candidate)[np.arange(len(labels)), labels]).mean())

    best = temperature(extra, labels, classes=10)
    assert best != pytest.approx(temperature(logits, labels), rel=0.02)
    assert nats(best) < min(nats(best * 1.05), nats(best / 1.05))
