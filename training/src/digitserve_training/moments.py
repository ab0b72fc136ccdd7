"""Images brought upright and to one size by the moments of their ink, inside the network.

Writers differ most in how far their digits lean and how wide they are. A network learns to look past that
from examples; one that sees every digit without it errs on other digits than one that does not.
"""

from typing import Final

import keras
import numpy as np
import tensorflow as tf

SPREAD_PX: Final = 5.2
"""The standard deviation of the ink along the longer side, afterwards: most of MNIST's digits have 5 to 6."""
STEEPEST: Final = 1.2
"""The greatest shear that is taken out, in pixels to the side by pixel down."""
LEAST_VARIANCES_PX2: Final = (0.3, 1.0)
"""Across and down: neither a hairline nor a dot is to fill the image."""


class MomentNormalization(keras.layers.Layer):  # type: ignore[misc]
    """Centres (N, H, W, 1), takes the slant out, and scales both sides; the same shape, float32.

    The slant is the shear that leaves no covariance between across and down. The longer side becomes
    SPREAD_PX, and the ratio of the shorter one to it the square root of what it was, so that a 1 stays
    narrow (Liu, Nakashima, Sako and Fujisawa, Handwritten digit recognition: investigation of normalization
    and feature extraction techniques, Pattern Recognition 37, 2004). Blank paper stays blank.
    """

    def call(self, values: tf.Tensor) -> tf.Tensor:
        ink = tf.squeeze(values, 3)
        (centre_x, centre_y), (side_x, side_y), slant = _measured(ink)
        longer = tf.maximum(side_x, side_y)
        scale_x, scale_y = (tf.sqrt(side * longer) / SPREAD_PX for side in (side_x, side_y))
        height, width = ink.shape[1:]
        down = scale_y * _centred(height)  # (N, H): where each row comes from, seen from the centre
        across = tf.expand_dims(centre_x + slant * down, 2) + tf.expand_dims(scale_x, 2) * _centred(width)
        return tf.expand_dims(_sampled(_sampled(ink, centre_y + down), across), 3)


def _measured(ink: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], tuple[tf.Tensor, ...], tf.Tensor]:
    """The centre of the ink, from the image's, its standard deviations without the slant, and the slant.

    In pixels, (N, 1) each; across before down.
    """
    # Whole numbers, pixels in 255ths and coordinates in halves, make the same sums in any order while these
    # are below 2**24, as those of digits are: so no digit is warped otherwise in another batch or runtime.
    ink = tf.round(ink * 255)
    y, x = (2 * _centred(size) for size in ink.shape[1:])
    columns, rows = tf.reduce_sum(ink, 1), tf.reduce_sum(ink, 2)
    total = tf.maximum(tf.reduce_sum(rows, 1, keepdims=True), 1)

    def mean(weights: tf.Tensor, of: np.ndarray) -> tf.Tensor:
        return tf.reduce_sum(weights * of, 1, keepdims=True) / total

    centre_x, centre_y = mean(columns, x), mean(rows, y)
    variance_x, variance_y = mean(columns, x * x) - centre_x**2, mean(rows, y * y) - centre_y**2
    covariance = mean(tf.reduce_sum(ink * x, 2), y) - centre_x * centre_y
    least_x, least_y = LEAST_VARIANCES_PX2
    slant = tf.clip_by_value(covariance / tf.maximum(variance_y, 4 * least_y), -STEEPEST, STEEPEST)
    variance_x += slant * (slant * variance_y - 2 * covariance)  # of x - slant * y
    side_x, side_y = (
        tf.sqrt(tf.maximum(variance_x / 4, least_x)),
        tf.sqrt(tf.maximum(variance_y / 4, least_y)),
    )
    return (centre_x / 2, centre_y / 2), (side_x, side_y), slant


def _centred(size: int) -> np.ndarray:
    """The pixels' coordinates from the middle of a side, float32 (size,)."""
    return np.arange(size, dtype=np.float32) - (size - 1) / 2


def _sampled(ink: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """The ink (N, H, W) at other places along one axis, by linear interpolation; outside there is none.

    Places, in pixels from the middle: of whole rows (N, H), or within each row (N, H, W).
    """
    axis = len(places.shape) - 1
    size = ink.shape[axis]
    places = tf.clip_by_value(places + (size - 1) / 2, -1.0, float(size))
    framed = tf.pad(ink, [(1, 2) if side == axis else (0, 0) for side in range(3)])
    whole = tf.floor(places)
    at = tf.cast(whole, tf.int32) + 1
    before, after = (tf.gather(framed, index, axis=axis, batch_dims=axis) for index in (at, at + 1))
    share = tf.reshape(places - whole, (-1, *places.shape[1:], *[1] * (2 - axis)))
    return before + share * (after - before)
