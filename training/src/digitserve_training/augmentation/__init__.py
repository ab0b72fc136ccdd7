"""Distortions, drawn anew for every image in every epoch: other hands, other pens, other scans."""

import tensorflow as tf

from digitserve_training.augmentation.ink import noisy, other_strokes
from digitserve_training.augmentation.warp import warped
from digitserve_training.config.parts import Augmentation

__all__ = ["augment"]


def augment(images: tf.Tensor, seed: tf.Tensor, parts: Augmentation) -> tf.Tensor:
    """Distorts each image by its own amounts: thickness, then place and shape, then noise.

    `images` is uint8 (N, 28, 28); the result float32 (N, 28, 28), 0 paper to 1 ink. `seed`, integers (2,),
    decides all amounts. Each part works on the whole batch at once, and is nothing where it is left out.
    """
    ink = tf.cast(images, tf.float32) / 255
    seeds = tf.random.split(seed, 3)
    if parts.thickness is not None:
        ink = other_strokes(ink, seeds[0], parts.thickness)
    if parts.affine is not None or parts.elastic is not None:
        ink = warped(ink, seeds[1], parts.affine, parts.elastic)
    if parts.noise is not None:
        ink = noisy(ink, seeds[2], parts.noise)
    return ink
