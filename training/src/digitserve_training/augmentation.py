"""Small distortions, drawn anew for every image in every epoch: other hands, other scans."""

import math

import tensorflow as tf

from digitserve_training.data import SIDE_PX

ROTATION_DEG = 15.0
SCALE = 0.15
SHEAR = 0.2
SHIFT_PX = 2.0
LIMITS = {"rotation_deg": ROTATION_DEG, "scale": SCALE, "shear": SHEAR, "shift_px": SHIFT_PX}


def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turns, scales, shears and shifts each image about its centre, by amounts uniform within the limits.

    `images` is float32 (N, H, W, 1), and so is the result; `seed`, integers (2,), decides the amounts.
    One operation for the whole batch: it costs a small part of what the fit does.
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=_transforms(tf.shape(images)[0], seed),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _transforms(count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """For each image the eight numbers that map a point of the result to one of the original."""
    amounts = tf.random.stateless_uniform([6, count], seed, -1.0, 1.0)
    turn = amounts[0] * math.radians(ROTATION_DEG)
    width, height, shear = 1 + SCALE * amounts[1], 1 + SCALE * amounts[2], SHEAR * amounts[3]
    a, b = tf.cos(turn) * width, (tf.cos(turn) * shear - tf.sin(turn)) * height
    c, d = tf.sin(turn) * width, (tf.sin(turn) * shear + tf.cos(turn)) * height
    centre = (SIDE_PX - 1) / 2
    x = centre - (a + b) * centre + SHIFT_PX * amounts[4]
    y = centre - (c + d) * centre + SHIFT_PX * amounts[5]
    return tf.stack([a, b, x, c, d, y, tf.zeros_like(a), tf.zeros_like(a)], axis=1)
