"""The optimiser and its learning rate, as a configuration describes them."""

from functools import singledispatch

import keras
from keras.optimizers.schedules import CosineDecay

from digitserve_training.config import parts
from digitserve_training.config.config import Config

# The names of Keras' variables that are not matrices: decay would only bias them.
NOT_DECAYED = ("bias", "gamma", "beta")


def optimizer(config: Config, steps: int, model: keras.Model) -> keras.optimizers.Optimizer:
    """The optimiser of the model's weights, with its state, for epochs of so many steps."""
    made = _optimizer(config.optimizer, _rate(config, steps))
    if config.optimizer.weight_decay:
        made.exclude_from_weight_decay(var_names=list(NOT_DECAYED))
    made.build(model.trainable_variables)
    return made


def _rate(config: Config, steps: int) -> float | CosineDecay:
    """The learning rate by step."""
    peak, schedule = config.optimizer.learning_rate, config.schedule
    if isinstance(schedule, parts.Constant):
        return peak
    warmup = min(round(schedule.warmup_epochs * steps), config.epochs * steps - 1)
    return CosineDecay(
        0.0 if warmup else peak,
        config.epochs * steps - warmup,
        alpha=schedule.final_share,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
    )


@singledispatch
def _optimizer(chosen: parts.Optimizer, rate: float | CosineDecay) -> keras.optimizers.Optimizer:
    raise NotImplementedError(chosen)


@_optimizer.register
def _(chosen: parts.Adam, rate: float | CosineDecay) -> keras.optimizers.Optimizer:
    return _adam(chosen, rate)


@_optimizer.register
def _(chosen: parts.AdamW, rate: float | CosineDecay) -> keras.optimizers.Optimizer:
    return _adam(chosen, rate)


def _adam(chosen: parts.Adam | parts.AdamW, rate: float | CosineDecay) -> keras.optimizers.Optimizer:
    """Both kinds: in Keras, too, they differ by their default of the weight decay."""
    return keras.optimizers.Adam(
        rate,
        chosen.beta_1,
        chosen.beta_2,
        weight_decay=chosen.weight_decay or None,
        global_clipnorm=chosen.clipnorm,
    )


@_optimizer.register
def _(chosen: parts.Sgd, rate: float | CosineDecay) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(
        rate,
        chosen.momentum,
        chosen.nesterov,
        weight_decay=chosen.weight_decay or None,
        global_clipnorm=chosen.clipnorm,
    )
