"""Temperature scaling: confidences that mean what they say.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks. ICML 2017.
"""

import math

import numpy as np
import numpy.typing as npt

COLDEST, HOTTEST = 0.1, 10.0


def temperature(logits: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> float:
    """The temperature, 0.1 to 10, that makes the labels, (N,), likeliest when it divides the logits, (N, 10).

    1 where every answer is right: then nothing tells how often an answer is wrong.
    """
    exact = logits.astype(np.float64)
    if np.array_equal(exact.argmax(axis=1), labels):
        return 1.0
    low, high = math.log(COLDEST), math.log(HOTTEST)
    # The likelihood is concave in the inverse temperature: its slope changes sign once.
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _too_confident(exact / math.exp(middle), labels) else (low, middle)
    return round(math.exp((low + high) / 2), 4)


def _too_confident(logits: npt.NDArray[np.float64], labels: npt.NDArray[np.integer]) -> bool:
    """Whether a higher temperature would make the labels likelier: the slope of the likelihood says it."""
    expected = (softmax(logits) * logits).sum(axis=1)
    return bool(expected.mean() > logits[np.arange(len(labels)), labels].mean())


def softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Probabilities float64 (N, 10) of logits (N, 10)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
