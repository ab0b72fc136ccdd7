"""Distortions of the ink where it is: the pen's width, its darkness, and noise."""

import tensorflow as tf

from digitserve_training.config.parts import Noise, Thickness


def other_strokes(ink: tf.Tensor, seed: tf.Tensor, thickness: Thickness) -> tf.Tensor:
    """Strokes thicker or thinner: a part of the way to the grey dilation, or erosion, by 3x3 pixels.

    float32 (N, 28, 28) to the same. Serra: Image Analysis and Mathematical Morphology. 1982.
    """
    count = tf.shape(ink)[0]
    draws = tf.random.stateless_uniform([3, count, 1, 1], seed)
    amount = thickness.amount * draws[0] * tf.cast(draws[1] < thickness.probability, tf.float32)
    # Erosion is the dilation of the paper: turned over, both are one operation.
    sign = tf.where(draws[2] < 0.5, 1.0, -1.0)
    turned = sign * ink
    return ink + sign * amount * (_dilated(turned) - turned)


def _dilated(ink: tf.Tensor) -> tf.Tensor:
    """The largest of each pixel and its eight neighbours; what lies outside is as the edge."""
    rows = tf.pad(ink, [[0, 0], [1, 1], [0, 0]], "SYMMETRIC")
    tall = tf.maximum(tf.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    columns = tf.pad(tall, [[0, 0], [0, 0], [1, 1]], "SYMMETRIC")
    return tf.maximum(tf.maximum(columns[:, :, :-2], columns[:, :, 1:-1]), columns[:, :, 2:])


def noisy(ink: tf.Tensor, seed: tf.Tensor, noise: Noise) -> tf.Tensor:
    """Ink that is lighter or darker, and noise on ink and paper; clipped to 0 to 1. float32 (N, 28, 28)."""
    seeds = tf.random.split(seed, 2)
    amounts = tf.random.stateless_uniform([2, tf.shape(ink)[0], 1, 1], seeds[0])
    if noise.intensity:
        ink = ink * (1 + noise.intensity * (2 * amounts[0] - 1))
    if noise.gaussian:
        ink += noise.gaussian * amounts[1] * tf.random.stateless_normal(tf.shape(ink), seeds[1])
    return tf.clip_by_value(ink, 0, 1)
