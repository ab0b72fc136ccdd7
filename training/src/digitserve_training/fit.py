"""The fit: epoch after epoch over batches that are distorted as they pass, each epoch validated and kept."""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import keras

from digitserve_training import history
from digitserve_training.batches import Material, batches
from digitserve_training.board import Board
from digitserve_training.data import LabelledImages
from digitserve_training.errors import FitDiverged
from digitserve_training.history import Epoch
from digitserve_training.learner import Learner
from digitserve_training.progress import FitProgress, Progress
from digitserve_training.run import Run


def fit(
    learner: Learner, material: Material, validation: LabelledImages, run: Run, progress: Progress
) -> keras.Model:
    """Fits until the last epoch, or until it stops early; returns the network with the weights to keep.

    Goes on after the last epoch that the run has kept. Raises FitDiverged.
    """
    config, past = learner.config, run.restore(learner)
    stream, board = iter(batches(material, config, len(past))), Board(run.tensorboard)
    with progress.fitting(config.epochs, learner.steps, len(past)) as shown, closing(board):
        while len(past) < config.epochs and not _stops(learner, past):
            past = [*past, _epoch(learner, stream, len(past) + 1, validation, shown)]
            run.keep(learner, past)
            board.epoch(past[-1])
            shown.epoch(past[-1])
    if config.early_stopping:
        run.restore_best(learner)
    return learner.result


def _epoch(
    learner: Learner, stream: Iterator[Any], number: int, validation: LabelledImages, shown: FitProgress
) -> Epoch:
    """One epoch of the fit."""
    started, total = time.monotonic(), 0.0
    for _ in range(learner.steps):
        total += learner.step(*next(stream))
        shown.batch()
    mean = float(total) / learner.steps
    learner.settle()
    nats, accuracy = learner.validate(validation)
    if not math.isfinite(mean + nats):
        raise FitDiverged(learner.config.optimizer.learning_rate)
    return Epoch(number, mean, nats, accuracy, learner.learning_rate(), time.monotonic() - started)


def _stops(learner: Learner, past: list[Epoch]) -> bool:
    stopping = learner.config.early_stopping
    return bool(stopping and past and len(past) - history.best(past).epoch >= stopping.patience)
