"""The batches that a network is fitted on; seed and number of an epoch decide all that is in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from digitserve_training.augmentation import augment
from digitserve_training.config.config import Config
from digitserve_training.data import SIDE_PX, Images, LabelledImages, Labels
from digitserve_training.network import as_input


@dataclass(frozen=True, eq=False)
class Addition:
    """Images uint8 (M, 28, 28) that fill a part of each batch, and their labels (M,).

    The number of the classes as a label says: none of them.
    """

    images: Images
    labels: npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Material:
    """What batches are made of, and of which of them.

    `images` is uint8 (V·N, 28, 28), `labels` (N,): V views of the same N images, one view an epoch.
    `answers`, float32 (V·N, classes), are what teachers say to each view; then the images are distorted
    already, and are taken as they are. `additions` are those that the configuration wants, in its order.
    """

    images: Images
    labels: Labels
    answers: npt.NDArray[np.float32] | None = None
    additions: tuple[Addition, ...] = ()

    @classmethod
    def of(cls, train: LabelledImages) -> "Material":
        """The images as they are."""
        return cls(train.images, train.labels)


@dataclass(frozen=True)
class Sizes:
    """How many images to fit on, and how many of each addition, make a batch; what an epoch has of both.

    An epoch passes over `images`, with those that it repeats, in so many `steps`.
    """

    known: int
    added: tuple[int, ...]
    images: int
    steps: int

    @classmethod
    def of(cls, config: Config, images: int) -> "Sizes":
        """For so many images to fit on. Batches are full: what one epoch leaves over, the next does not."""
        added = tuple(config.added.values())
        known = min(config.batch_size - sum(added), images)
        passed = max(images, config.data.epoch_images or 0)
        return cls(known, added, passed, passed // known)


def batches(material: Material, config: Config, first_epoch: int = 0) -> tf.data.Dataset:
    """The batches of the epochs from `first_epoch`, counted from 0, to the last.

    Each is images float32 (B, 28, 28, 1), labels int32 (B,), in which `classes` stands for an outlier, and
    answers float32 (B, classes), (B, 0) without teachers.
    """
    sizes, count = Sizes.of(config, len(material.labels)), len(material.labels)
    views = len(material.images) // count

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        # Below 0, so that no batch has the same seed.
        order = tf.random.experimental.stateless_shuffle(tf.range(sizes.images), _seed(config, -1 - number))
        order = tf.reshape(order[: sizes.steps * sizes.known] % count, [sizes.steps, sizes.known])
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
    picks = [_picker(*addition) for addition in zip(material.additions, sizes.added, strict=True)]

    def make(number: tf.Tensor, indices: tf.Tensor, view: tf.Tensor) -> tuple[Any, Any, Any]:
        seeds = tf.random.split(_seed(config, number), 1 + len(picks))
        places = indices + view * len(material.labels)
        known = tf.gather(images, places)
        added, truths = _joined([pick(seeds[number]) for number, pick in enumerate(picks, 1)])
        if material.answers is None:
            pixels = augment(tf.concat([known, added], 0), seeds[0], config.augmentation)
        else:
            distorted = augment(added, seeds[0], config.augmentation)
            pixels = tf.concat([as_input(known)[..., 0], distorted], 0)
        truth = tf.concat([tf.gather(labels, indices), truths], 0)
        said = tf.pad(tf.gather(answers, places), [[0, sum(sizes.added)], [0, 0]])
        return pixels[..., None], truth, said

    return make


Labelled = tuple[tf.Tensor, tf.Tensor]


def _picker(addition: Addition, count: int) -> Callable[[tf.Tensor], Labelled]:
    """A function from a seed to so many of the images, and their labels."""
    images, labels = tf.constant(addition.images), tf.constant(addition.labels, tf.int32)

    def pick(seed: tf.Tensor) -> Labelled:
        indices = tf.random.stateless_uniform([count], seed, 0, len(addition.labels), tf.int32)
        return tf.gather(images, indices), tf.gather(labels, indices)

    return pick


def _joined(parts: Sequence[Labelled]) -> Labelled:
    nothing = tf.zeros([0, SIDE_PX, SIDE_PX], tf.uint8), tf.zeros([0], tf.int32)
    images, labels = zip(nothing, *parts, strict=True)
    return tf.concat(images, 0), tf.concat(labels, 0)
