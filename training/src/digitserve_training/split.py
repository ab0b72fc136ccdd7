"""The part of the training set that is held out to choose by, so that the test set is not."""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from digitserve_training.data import LabelledImages, Labels
from digitserve_training.errors import DataError

VALIDATION_IMAGES = 5_000

Indices = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Split:
    """What to fit on and what to validate on; they share no image, and no writer if held out by writer."""

    fit: LabelledImages
    validation: LabelledImages
    held_out: Literal["by writer", "at random"]

    def limited(self, fit_images: int | None) -> Self:
        """The same with at most so many images to fit on."""
        return replace(self, fit=self.fit.take(np.arange(len(self.fit))[:fit_images]))


def split(train: LabelledImages, seed: int, validation_images: int = VALIDATION_IMAGES) -> Split:
    """Holds out so many images, or a tenth if that is less.

    Whole writers where they are known (then up to one writer's images more): who is in both parts is
    easier to read than a stranger, and strangers are whom the model is for. Otherwise at random, stratified
    by class. Raises DataError when too few images are left to fit on, or none are held out.
    """
    count = min(validation_images, len(train) // 10)
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(train), bool)
    if train.writers is None:
        held_out[_stratified(train.labels, count, random)] = True
    else:
        held_out[_by_writer(train.writers, count, random)] = True
    fit = train.take(random.permutation(np.flatnonzero(~held_out)))
    validation = train.take(np.flatnonzero(held_out))
    if not len(validation):
        found = f"{len(train)} images are too few to hold some out"
        raise DataError("the training set", found, "10 images or more, and better thousands")
    if lost := np.setdiff1d(train.labels, fit.labels).tolist():
        found = f"{len(validation)} images are held out, and none is left to fit on of the classes {lost}"
        more = "more images" if train.writers is None else "images by more writers"
        raise DataError("the training set", f"{found} (counted from 0)", f"{more} of each of them")
    return Split(fit, validation, "at random" if train.writers is None else "by writer")


def _stratified(labels: Labels, count: int, random: np.random.Generator) -> Indices:
    """Evenly spaced picks from the shuffled images, sorted by class: each class gets its share, ±1."""
    shuffled = random.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    positions = (np.arange(count) + 0.5) * len(labels) / max(count, 1)
    return by_class[positions.astype(np.intp)]


def _by_writer(writers: Indices, count: int, random: np.random.Generator) -> Indices:
    """All images of as many writers as it takes."""
    names, images = np.unique(writers, return_counts=True)
    order = random.permutation(len(names))
    enough = int(np.searchsorted(np.cumsum(images[order]), count)) + 1
    return np.flatnonzero(np.isin(writers, names[order[:enough]]))
