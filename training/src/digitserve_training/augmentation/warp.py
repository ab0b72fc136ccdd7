"""Distortions of where the ink is: one resampling for the affine and the elastic part together."""

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from digitserve_training.config.parts import Affine, Elastic
from digitserve_training.data import SIDE_PX

CENTRE_PX = (SIDE_PX - 1) / 2
INK = 0.2  # what is darker belongs to the digit
MOST_STRETCH = 2.2  # a 1 that is a bar is not drawn out to a square


def warped(ink: tf.Tensor, seed: tf.Tensor, affine: Affine | None, elastic: Elastic | None) -> tf.Tensor:
    """Each image as it is seen at other points, between the pixels by bilinear interpolation.

    float32 (N, 28, 28) to the same; paper comes in from outside.
    """
    count, seeds = tf.shape(ink)[0], tf.random.split(seed, 3)
    affine = affine or Affine()
    matrices = _matrices(seeds[0], affine, _stretched(ink, seeds[2], affine.stretch))
    if elastic is None or not elastic.amplitude_px:
        return _projected(ink, matrices)
    return _sampled(ink, _points(matrices) + _field(count, seeds[1], elastic))


def _matrices(seed: tf.Tensor, affine: Affine, sides: tf.Tensor) -> tf.Tensor:
    """For each image the matrix (N, 2, 3) from a point (x, y, 1) of the result to one of the original, px.

    `sides` (2, N) is how much of the original's width and height a side of the result shows.
    """
    amounts = tf.random.stateless_uniform([6, tf.shape(sides)[1]], seed, -1.0, 1.0)
    turn = amounts[0] * math.radians(affine.rotation_deg)
    width, height = 1 + affine.scale * amounts[1], 1 + affine.scale * amounts[2]
    shear = affine.shear * amounts[3]
    a, b = sides[0] * tf.cos(turn) * width, sides[0] * (tf.cos(turn) * shear - tf.sin(turn)) * height
    c, d = sides[1] * tf.sin(turn) * width, sides[1] * (tf.sin(turn) * shear + tf.cos(turn)) * height
    x = CENTRE_PX - (a + b) * CENTRE_PX + affine.shift_px * amounts[4]
    y = CENTRE_PX - (c + d) * CENTRE_PX + affine.shift_px * amounts[5]
    return tf.reshape(tf.stack([a, b, x, c, d, y], axis=1), [-1, 2, 3])


def _stretched(ink: tf.Tensor, seed: tf.Tensor, probability: float) -> tf.Tensor:
    """How much of its width and height each image keeps, (2, N): 1, or less where it is drawn out."""
    count = tf.shape(ink)[0]
    if not probability:
        return tf.ones([2, count])
    extent = tf.stack([_extent(tf.reduce_max(ink, axis)) for axis in (1, 2)])
    square = tf.maximum(extent / tf.reduce_max(extent, axis=0), 1 / MOST_STRETCH)
    draws = tf.random.stateless_uniform([2, count], seed)
    part = draws[0] * tf.cast(draws[1] < probability, tf.float32)
    return 1 + part * (square - 1)


def _extent(profile: tf.Tensor) -> tf.Tensor:
    """From the first to the last pixel with ink, (N, 28) to (N,); all of it where there is none."""
    inked = tf.cast(profile > INK, tf.int32)
    first, after = tf.argmax(inked, 1), tf.argmax(inked[:, ::-1], 1)
    return tf.cast(SIDE_PX - first - after, tf.float32)


def _projected(ink: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """The affine map alone, for which there is a kernel of its own."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=ink[..., None],
        transforms=tf.pad(tf.reshape(matrices, [-1, 6]), [[0, 0], [0, 2]]),
        output_shape=[SIDE_PX, SIDE_PX],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )[..., 0]


def _points(matrices: tf.Tensor) -> tf.Tensor:
    """Where each pixel of the result is looked up, (N, 2, 784): x, then y, in pixels."""
    y, x = np.indices((SIDE_PX, SIDE_PX), np.float32).reshape(2, -1)
    return matrices @ tf.constant(np.stack([x, y, np.ones_like(x)]))


def _field(count: tf.Tensor, seed: tf.Tensor, elastic: Elastic) -> tf.Tensor:
    """Smooth random displacements in pixels, (N, 2, 784). Simard, Steinkraus, Platt: ICDAR 2003.

    White noise under a Gaussian filter, as in the paper, is a random field of Gaussian covariance. Few
    numbers make one that is smooth: as many as its covariance has directions that matter.
    """
    factor = tf.constant(_factor(elastic.smoothness_px))
    size = factor.shape[1]
    draws = tf.random.stateless_normal([count, 2, size, size], seed, stddev=elastic.amplitude_px)
    field = tf.einsum("yi,ncij,xj->ncyx", factor, draws, factor)
    return tf.reshape(field, [-1, 2, SIDE_PX * SIDE_PX])


def _factor(smoothness_px: float) -> npt.NDArray[np.float32]:
    """F (28, k); F Fᵀ is nearly the covariance along a line, of variance 1. It falls with the distance."""
    places = np.arange(SIDE_PX)
    covariance = np.exp(-((places[:, None] - places) ** 2) / (4 * smoothness_px**2))
    values, vectors = np.linalg.eigh(covariance)
    kept = np.cumsum(values) > 1e-3 * values.sum()  # in ascending order
    factor = vectors[:, kept] * np.sqrt(values[kept])
    scaled: npt.NDArray[np.float32] = (factor / np.linalg.norm(factor, axis=1, keepdims=True)).astype(
        np.float32
    )
    return scaled


def _sampled(ink: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """The images between their pixels, at the points (N, 2, 784).

    The four pixels around a point lie side by side in a wider image: one look-up brings all of them.
    """
    side = SIDE_PX + 2  # paper before the first pixel, and twice after the last
    framed = tf.pad(ink, [[0, 0], [1, 2], [1, 2]])
    corners = [framed[:, :-1, :-1], framed[:, :-1, 1:], framed[:, 1:, :-1], framed[:, 1:, 1:]]
    table = tf.reshape(tf.stack(corners, axis=-1), [-1, 4])
    shifted = tf.clip_by_value(points + 1, 0.0, SIDE_PX + 1.0)
    whole = tf.floor(shifted)
    part, places = shifted - whole, tf.cast(whole, tf.int32)
    first = tf.range(tf.shape(ink)[0])[:, None] * (side * side)
    four = tf.gather(table, first + places[:, 1] * side + places[:, 0])
    x, y = part[:, 0], part[:, 1]
    top = four[..., 0] * (1 - x) + four[..., 1] * x
    bottom = four[..., 2] * (1 - x) + four[..., 3] * x
    return tf.reshape(top * (1 - y) + bottom * y, [-1, SIDE_PX, SIDE_PX])
