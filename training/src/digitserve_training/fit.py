"""The fit: Adam on cross-entropy, over batches that are distorted as they pass."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from digitserve_training.augmentation import augment
from digitserve_training.data import LabelledImages
from digitserve_training.errors import FitDiverged
from digitserve_training.network import as_input
from digitserve_training.progress import Progress
from digitserve_training.settings import Settings


def fit(
    model: keras.Model,
    train: LabelledImages,
    validation: LabelledImages,
    settings: Settings,
    progress: Progress,
) -> None:
    """Fits the weights in place. The learning rate falls to 0 along a cosine. Raises FitDiverged."""
    steps = math.ceil(len(train) / settings.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.epochs * steps)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    with progress.fitting(settings.epochs, steps) as shown:
        history = model.fit(
            batches(train, settings.batch_size, settings.seed),
            epochs=settings.epochs,
            steps_per_epoch=steps,
            validation_data=(as_input(validation.images), validation.labels),
            validation_batch_size=500,
            callbacks=[
                keras.callbacks.TerminateOnNaN(),
                keras.callbacks.LambdaCallback(on_train_batch_end=shown.batch, on_epoch_end=shown.epoch),
            ],
            shuffle=False,  # the batches are
            verbose=0,
        ).history
    if not np.isfinite(history["loss"][-1]):
        raise FitDiverged(settings.learning_rate)


def batches(train: LabelledImages, batch_size: int, seed: int) -> tf.data.Dataset:
    """Endless batches of distorted images float32 (B, 28, 28, 1) and labels uint8 (B,).

    All images pass before one passes again; a seed always gives the same batches.
    """
    images, labels = tf.constant(train.images), tf.constant(train.labels)

    def batch(number: tf.Tensor, indices: tf.Tensor) -> tuple[Any, Any]:
        chosen = as_input(tf.gather(images, indices))
        # The number runs on over the epochs: no image is ever distorted alike twice.
        return augment(chosen, tf.stack([tf.constant(seed, tf.int64), number])), tf.gather(labels, indices)

    indices = tf.data.Dataset.range(len(train)).shuffle(len(train), seed=seed).repeat().batch(batch_size)
    return indices.enumerate().map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
