import numpy as np
import numpy.typing as npt
import pytest
from digitserve_training.calibration import softmax, temperature


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
        return float(-np.log(softmax(logits / candidate)[np.arange(len(labels)), labels]).mean())

    best = temperature(logits, labels)
    assert nats(best) < min(nats(best * 1.05), nats(best / 1.05))


def test_without_any_error_there_is_nothing_to_learn() -> None:
    logits = np.eye(10) * 8
    assert temperature(logits, np.arange(10)) == 1


def test_it_stays_within_its_limits() -> None:
    assert temperature(np.eye(10) * 100, np.roll(np.arange(10), 1)) == pytest.approx(10)


def test_softmax_survives_large_logits() -> None:
    assert softmax(np.array([[1000.0, 0.0], [-1000.0, -1000.0]])).tolist() == [[1, 0], [0.5, 0.5]]
