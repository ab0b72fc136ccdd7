"""Doors in front of a model, for tests that must stop the time: between two batches, or while it loads."""

import asyncio
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
from digitserve_serving.repository import VerifiedModel, load_verified
from tiny_model import expected_probabilities

PATIENCE_S = 20.0


class Gate:
    """Stands for OnnxModel.run: notes each batch, and lets it through when the door is open."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.batches: list[npt.NDArray[np.uint8]] = []
        self.error: Exception | None = None
        self._entered = threading.Semaphore(0)
        self._changed = threading.Condition()
        self._open = is_open
        self._passes = 0

    def open(self) -> None:
        """Lets the batch at the door and all later ones through."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def pass_one(self) -> None:
        """Lets the batch at the door through, and no other."""
        with self._changed:
            self._passes += 1
            self._changed.notify_all()

    def shut(self) -> None:
        """Holds every batch from now on, and forgets those before."""
        with self._changed:
            self._open = False
            self.batches.clear()
        while self._entered.acquire(blocking=False):
            pass

    async def entered(self) -> None:
        """Waits until one more batch stands at the door."""
        assert await asyncio.to_thread(self._entered.acquire, timeout=PATIENCE_S), "no batch came"

    def run(self, *args: Any) -> npt.NDArray[np.float32]:
        """Classifies images (N, 28, 28), the last argument, as the tiny model does."""
        images = args[-1]
        self.batches.append(np.array(images))
        self._entered.release()
        self._wait_at_the_door()
        if self.error:
            raise self.error
        return expected_probabilities(images)

    def _wait_at_the_door(self) -> None:
        with self._changed:
            let_through = self._changed.wait_for(lambda: self._open or self._passes, PATIENCE_S)
            assert let_through, "nobody opened the gate"
            if not self._open:
                self._passes -= 1

    @property
    def rows(self) -> list[int]:
        """Rows in each batch so far."""
        return [len(batch) for batch in self.batches]


class Loading:
    """Stands for `load_verified`: `started` tells that a model is being loaded, which waits for `finish`."""

    def __init__(self) -> None:
        self.started, self.finish = threading.Event(), threading.Event()

    def load(self, *args: Any, **options: Any) -> VerifiedModel:
        """Loads it when it is let."""
        self.started.set()
        assert self.finish.wait(PATIENCE_S), "nobody let it finish"
        return load_verified(*args, **options)
