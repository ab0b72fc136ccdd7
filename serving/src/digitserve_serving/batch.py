"""A batch: what is computed together, and who gets the results."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from digitserve_serving.row_queue import Piece, Result
from digitserve_serving.runtime import Images, Probabilities


class Batch(NamedTuple):
    """Pieces of requests, to be computed on one or more lanes."""

    pieces: list[Piece]
    lanes: int

    def images(self) -> Images:
        """All of them: (N, height, width)."""
        if len(self.pieces) == 1:
            return self.pieces[0].images
        return np.concatenate([piece.images for piece in self.pieces])


NOTHING_DUE = Batch([], 0)


def computed(
    run: Callable[[Images], Probabilities], images: Images, lanes: int, helpers: Executor
) -> Probabilities:
    """The answers (N, classes) to images (N, height, width): on this thread, and `lanes` - 1 helpers."""
    if lanes == 1:
        return run(images)
    mine, *others = np.array_split(images, lanes)
    helped = [helpers.submit(run, part) for part in others]
    return np.concatenate([run(mine), *(part.result() for part in helped)])


def deliver(results: list[Result]) -> None:
    """Gives each owner its results."""
    for owner in {result.request.owner for result in results}:
        owner.deliver([result for result in results if result.request.owner is owner])
