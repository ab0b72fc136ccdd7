"""A door in front of a model's `run`, for tests that must stop the time between two batches."""

import asyncio
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
from tiny_model import expected_probabilities

PATIENCE_S = 20.0


class Gate:
    """Stands for OnnxModel.run: notes each batch, and lets it through when the door is open."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.batches: list[npt.NDArray[np.uint8]] = []
        self.error: Exception | None = None
        self._entered = threading.Semaphore(0)
        self._door = threading.Event()
        if is_open:
            self.open()

    def open(self) -> None:
        """Lets the batch at the door and all later ones through."""
        self._door.set()

    def shut(self) -> None:
        """Holds every batch from now on, and forgets those before."""
        self._door.clear()
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
        assert self._door.wait(PATIENCE_S), "nobody opened the gate"
        if self.error:
            raise self.error
        return expected_probabilities(images)

    @property
    def rows(self) -> list[int]:
        """Rows in each batch so far."""
        return [len(batch) for batch in self.batches]
