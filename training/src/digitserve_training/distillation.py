"""What teachers say about distorted images: asked once, so that their cost is paid once."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from digitserve_training import durable
from digitserve_training.augmentation import augment
from digitserve_training.config.config import Config
from digitserve_training.data import Images
from digitserve_training.graph import Graph, Probabilities
from digitserve_training.paper import on_paper
from digitserve_training.progress import Progress

CHUNK = 1_000
# Beyond every seed of a configuration: views are not distorted like batches.
SEED_OFFSET = 2**32


def is_answered(folder: Path) -> bool:
    """Whether the teachers of the run with this folder have said all that they are asked."""
    return (folder / "views.npy").exists() and (folder / "answers.npy").exists()


def taught(
    images: Images, graphs: Callable[[], Sequence[Graph]], config: Config, folder: Path, progress: Progress
) -> tuple[Images, Probabilities]:
    """Views of the images, uint8 (V·N, 28, 28), and the graphs' mean answers, float32 (V·N, classes).

    They are kept in the folder: a run that goes on finds them there, and needs no teachers any more.
    """
    views, answers = folder / "views.npy", folder / "answers.npy"
    if not is_answered(folder):
        folder.mkdir(exist_ok=True)
        drawn, said = _views(images, graphs(), config, progress)
        durable.write_array(views, drawn)
        durable.write_array(answers, said)
    return np.load(views, mmap_mode="r"), np.load(answers)


def _views(
    images: Images, graphs: Sequence[Graph], config: Config, progress: Progress
) -> tuple[Images, Probabilities]:
    distillation = config.distillation
    count, share = (distillation.views, distillation.on_paper) if distillation else (0, 0.0)
    views = np.empty((count, *images.shape), np.uint8)
    answers = []
    for number in range(count):
        started = time.monotonic()
        view = _view(images, config, number)
        # Teachers know MNIST's own pixels best.
        said = [graph.probabilities(view) for graph in graphs]
        answers.append(np.mean(said, axis=0, dtype=np.float32))
        views[number] = on_paper(view, share, (config.seed, number))
        seconds = time.monotonic() - started
        progress.stage(
            "distil", f"view {number + 1:>2} of {count}, asked {len(graphs)} teachers, {seconds:.0f} s"
        )
    return views.reshape(-1, *images.shape[1:]), np.concatenate(answers)


def _view(images: Images, config: Config, number: int) -> Images:
    """All images, distorted."""
    parts = [
        _rounded(augment(images[at : at + CHUNK], _seed(config, number, at), config.augmentation))
        for at in range(0, len(images), CHUNK)
    ]
    return np.concatenate(parts)


def _seed(config: Config, number: int, at: int) -> npt.NDArray[np.int64]:
    return np.array([config.seed + SEED_OFFSET, number * 2**32 + at])


def _rounded(ink: tf.Tensor) -> Any:
    return tf.cast(tf.round(ink * 255), tf.uint8).numpy()
