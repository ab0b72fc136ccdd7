"""A network while it learns: its weights, their average, and the optimiser's state."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from digitserve_training import calibration, network, optimization
from digitserve_training.batches import Sizes
from digitserve_training.config.config import Config
from digitserve_training.data import LabelledImages
from digitserve_training.evaluation import mean_nats
from digitserve_training.loss import loss

Arrays = Mapping[str, npt.NDArray[Any]]


class Learner:
    """Fits `model`, in the precision of the fit; `result`, in float32, has the weights to keep.

    Those are the weights of the model, or their moving average. Raises NetworkError.
    """

    def __init__(self, config: Config, classes: int, images: int) -> None:
        self.config = config
        self.classes = classes
        self.steps = Sizes.of(config, images).steps
        self.result = network.build(config, classes)
        self.model = network.build_for_fit(config, classes)
        self.model.set_weights(self.result.get_weights())
        self.optimizer = optimization.optimizer(config, self.steps, self.model)
        self.step = tf.function(self._step, reduce_retracing=True)

    def _step(self, images: tf.Tensor, labels: tf.Tensor, answers: tf.Tensor) -> tf.Tensor:
        """Fits on one batch, as `batches` gives it; returns its loss."""
        weights = self.model.trainable_variables
        with tf.GradientTape() as tape:
            found = loss(self.model(images, training=True), labels, answers, self.config)
        self.optimizer.apply(tape.gradient(found, weights), weights)
        if self.config.regularisation.weight_averaging:
            self._average()
        return found

    def _average(self) -> None:
        """The average follows faster in the beginning, when there is little to remember."""
        steps = tf.cast(self.optimizer.iterations.value, tf.float32)
        momentum = tf.minimum(self.config.regularisation.weight_averaging, (1 + steps) / (10 + steps))
        for kept, weight in zip(self.result.weights, self.model.weights, strict=True):
            kept.assign(momentum * kept + (1 - momentum) * weight)

    def settle(self) -> None:
        """Brings the result up to date at the end of an epoch."""
        if not self.config.regularisation.weight_averaging:
            self.result.set_weights(self.model.get_weights())

    def validate(self, images: LabelledImages) -> tuple[float, float]:
        """The result's cross-entropy in nats and its accuracy, before any calibration."""
        answers = calibration.folded(network.logits(self.result, images.images), self.classes)
        right = answers.argmax(axis=1) == images.labels
        return mean_nats(answers, images.labels), float(right.mean())

    def learning_rate(self) -> float:
        """The next step's."""
        return float(self.optimizer.learning_rate)

    def state(self) -> Arrays:
        """All that the next epochs depend on; `restore` takes it."""
        return {name: np.asarray(variable.value) for name, variable in self._variables().items()}

    def restore(self, state: Arrays) -> None:
        """Goes back to a state."""
        for name, variable in self._variables().items():
            variable.assign(state[name])

    def _variables(self) -> Mapping[str, keras.Variable]:
        # `variables`, not `weights`: dropout keeps its random state in one.
        owners = {"model": self.model, "optimizer": self.optimizer, "result": self.result}
        return {
            f"{owner}/{number:03}": variable
            for owner, holder in owners.items()
            for number, variable in enumerate(holder.variables)
        }
