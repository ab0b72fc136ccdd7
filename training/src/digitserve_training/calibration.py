"""Temperature scaling: confidences that mean what they say.

Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks. ICML 2017.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from digitserve_training.evaluation import mean_nats

LOWEST, HIGHEST = 0.1, 10.0  # temperatures

Logits = npt.NDArray[np.floating[Any]]


def folded(logits: Logits, classes: int, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """The probabilities float64 (N, classes) of logits (N, classes) or (N, classes + extra).

    The softmax of the logits divided by the temperature. What it gives to the extra columns, which stand
    for "none of them", is spread evenly over the classes: an image of nothing known gets no confident
    answer, and the rows still sum to 1.
    """
    shares: npt.NDArray[np.float64] = special.softmax(logits.astype(np.float64) / temperature, axis=1)
    folded: npt.NDArray[np.float64] = (
        shares[:, :classes] + shares[:, classes:].sum(1, keepdims=True) / classes
    )
    return folded


def temperature(logits: Logits, labels: npt.NDArray[np.integer[Any]], classes: int | None = None) -> float:
    """The temperature, 0.1 to 10, at which `folded` makes the labels, integers (N,), likeliest.

    `classes` None takes all columns of the logits for classes. 1 where every answer is right: then nothing
    tells how often an answer is wrong.
    """
    classes = classes or logits.shape[1]
    if np.array_equal(logits[:, :classes].argmax(axis=1), labels):
        return 1.0

    def nats(log_temperature: float) -> float:
        return mean_nats(folded(logits, classes, math.exp(log_temperature)), labels)

    limits = (math.log(LOWEST), math.log(HIGHEST))
    found = optimize.minimize_scalar(nats, bounds=limits, method="bounded", options={"xatol": 1e-7})
    return round(math.exp(found.x), 4)
