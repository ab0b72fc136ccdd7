"""The networks: from pixels to ten logits."""

import keras
import numpy as np
import tensorflow as tf

from digitserve_training.data import DIGITS, SIDE_PX, Images


def build(preset: str) -> keras.Model:
    """A network with fresh weights: float32 (N, 28, 28, 1) as `as_input` gives them, to logits (N, 10).

    It ends in logits, because calibration divides them before the softmax, which the export adds.
    """
    return keras.Sequential([keras.Input((SIDE_PX, SIDE_PX, 1)), *_LAYERS[preset]()], name=preset)


def as_input(images: Images | tf.Tensor) -> tf.Tensor:
    """Pixels uint8 (N, 28, 28) as the network takes them, float32 (N, 28, 28, 1) from 0 to 1.

    Fitting and the exported graph both call this: the scaling exists once.
    """
    return tf.expand_dims(tf.cast(images, tf.float32) / 255, -1)


def logits(model: keras.Model, images: Images) -> np.ndarray:
    """The network's answers to uint8 (N, 28, 28), float32 (N, 10)."""
    answers: np.ndarray = model.predict(as_input(images), batch_size=500, verbose=0)
    return answers


def _cnn() -> list[keras.Layer]:
    """Two convolutions and two dense layers; 225,034 parameters."""
    return [
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dense(DIGITS),
    ]


_LAYERS = {"cnn": _cnn}
