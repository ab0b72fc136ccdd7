"""The batches that a network is fitted on; seed and number of an epoch decide all that is in them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from digitserve_training.augmentation import augment
from digitserve_training.config.config import Config
from digitserve_training.data import Images, LabelledImages, Labels
from digitserve_training.network import as_input


@dataclass(frozen=True, eq=False)
class Material:
    """What batches are made of, and of which of them.

    `images` is uint8 (V·N, 28, 28), `labels` (N,): V views of the same N images, one view an epoch.
    `answers`, float32 (V·N, classes), are what teachers say to each view; then the images are distorted
    already, and are taken as they are. `outliers`, uint8 (M, 28, 28), show none of the `classes`.
    """

    images: Images
    labels: Labels
    classes: int
    answers: npt.NDArray[np.float32] | None = None
    outliers: Images | None = None

    @classmethod
    def of(cls, train: LabelledImages, classes: int) -> "Material":
        """The images as they are."""
        return cls(train.images, train.labels, classes)


@dataclass(frozen=True)
class Sizes:
    """How many images of the classes, and how many outliers, make a batch, and how many batches an epoch."""

    known: int
    outliers: int
    steps: int

    @classmethod
    def of(cls, config: Config, images: int) -> "Sizes":
        """For so many images to fit on. Batches are full: what one epoch leaves over, the next does not."""
        outliers = round(config.batch_size * config.outlier_share)
        known = min(config.batch_size - outliers, images)
        return cls(known, outliers, images // known)


def batches(material: Material, config: Config, first_epoch: int = 0) -> tf.data.Dataset:
    """The batches of the epochs from `first_epoch`, counted from 0, to the last.

    Each is images float32 (B, 28, 28, 1), labels int32 (B,), in which `classes` stands for an outlier, and
    answers float32 (B, classes), (B, 0) without teachers.
    """
    sizes, count = Sizes.of(config, len(material.labels)), len(material.labels)
    views = len(material.images) // count

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        # Below 0, so that no batch has the same seed.
        order = tf.random.experimental.stateless_shuffle(tf.range(count), _seed(config, -1 - number))
        order = tf.reshape(order[: sizes.steps * sizes.known], [sizes.steps, sizes.known])
        view = tf.cast(number % views, tf.int32)
        steps = number * sizes.steps + tf.range(sizes.steps, dtype=tf.int64)
        return tf.data.Dataset.from_tensor_slices((steps, order, tf.fill([sizes.steps], view)))

    indices = tf.data.Dataset.range(first_epoch, config.epochs).flat_map(epoch)
    return indices.map(_maker(material, config, sizes), num_parallel_calls=tf.data.AUTOTUNE).prefetch(4)


def _seed(config: Config, number: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.constant(config.seed, tf.int64), number])


def _maker(material: Material, config: Config, sizes: Sizes) -> Any:
    """A function from a batch's number, its images' indices and their view to the batch."""
    images, labels = tf.constant(material.images), tf.constant(material.labels, tf.int32)
    none = np.zeros((len(images), 0), np.float32)
    answers = tf.constant(none if material.answers is None else material.answers)
    pool = None if material.outliers is None else tf.constant(material.outliers)

    def make(number: tf.Tensor, indices: tf.Tensor, view: tf.Tensor) -> tuple[Any, Any, Any]:
        seeds = tf.random.split(_seed(config, number), 2)
        places = indices + view * len(material.labels)
        known, strange = tf.gather(images, places), _picked(pool, sizes.outliers, seeds[0])
        if material.answers is None:
            pixels = augment(tf.concat([known, strange], 0), seeds[1], config.augmentation)
        else:
            distorted = augment(strange, seeds[1], config.augmentation)
            pixels = tf.concat([as_input(known)[..., 0], distorted], 0)
        truth = tf.concat([tf.gather(labels, indices), tf.fill([sizes.outliers], material.classes)], 0)
        said = tf.pad(tf.gather(answers, places), [[0, sizes.outliers], [0, 0]])
        return pixels[..., None], truth, said

    return make


def _picked(pool: tf.Tensor | None, count: int, seed: tf.Tensor) -> tf.Tensor:
    if pool is None or not count:
        return tf.zeros([0, 28, 28], tf.uint8)
    return tf.gather(pool, tf.random.stateless_uniform([count], seed, 0, len(pool), tf.int32))
