"""What is counted of a model's batches: latency, sizes, and what the images and answers are like.

On the way of a call there is only appending to lists; numpy counts a few hundred rows at once, as for a
single row each of its functions would take longer than all the rest of the metrics.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from digitserve_serving.manifest import Manifest
from digitserve_serving.metrics import families
from digitserve_serving.metrics.families import Family, Snapshot
from digitserve_serving.metrics.window import Window
from digitserve_serving.row_queue import Piece, Result
from digitserve_serving.runtime import Probabilities

TOGETHER = 256  # rows counted at once, which keeps at most some 200 kB of images
INK = 255.0


class Histogram:
    """Counts values in the buckets of a family."""

    def __init__(self, family: Family) -> None:
        self._bounds = np.array(family.bounds)
        self._counts = np.zeros(len(family.bounds) + 1, np.int64)
        self._sum = 0.0

    def add(self, values: npt.NDArray[np.floating]) -> None:
        """Values (N,); N may be 0. One at the bound of a bucket is in it."""
        places = np.searchsorted(self._bounds, values)
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sum += float(np.sum(values, dtype=np.float64))

    def values(self) -> list[float]:
        """As a snapshot has them."""
        return [*self._counts.tolist(), self._sum]


@dataclass(slots=True)
class _Uncounted:
    """Of the last batches, as it came."""

    images: list[bytes] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    rows: int = 0
    queue_s: list[float] = field(default_factory=list)
    run_s: list[float] = field(default_factory=list)
    total_s: list[float] = field(default_factory=list)


class Observations:
    """What is counted of one model version. Safe for threads, which compute at the same time."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self._labels = manifest.labels
        self._threshold = manifest.review.threshold
        self._model = (manifest.name, manifest.version)
        self._lock = threading.Lock()
        self._uncounted = _Uncounted()
        self._predictions = np.zeros(len(manifest.labels), np.int64)
        self._reviews = 0
        self._stages = {stage: Histogram(families.LATENCY) for stage in ("queue", "run", "total")}
        self._batches = Histogram(families.BATCHES)
        self._confidence = Histogram(families.CONFIDENCE)
        self._ink = Histogram(families.INK)
        self._window = Window(manifest.distribution) if manifest.distribution else None

    def ran(self, pieces: Sequence[Piece], rows: Probabilities, started: float) -> None:
        """A batch was computed, with the answers `rows` (N, classes)."""
        # Copied, as these are parts of requests, and all of a request would stay in memory.
        images = [images.tobytes() for _, _, images in pieces]
        with self._lock:
            kept = self._uncounted
            kept.images += images
            kept.answers.append(rows.tobytes())
            kept.batches.append(len(rows))
            kept.rows += len(rows)
            kept.queue_s += [started - request.arrived for request, first, _ in pieces if not first]
            if kept.rows >= TOGETHER:
                self._count()

    def answered(self, results: Sequence[Result], started: float, ended: float) -> None:
        """These have their whole answer with the batch that was computed meanwhile."""
        with self._lock:
            self._uncounted.run_s += [ended - started] * len(results)
            self._uncounted.total_s += [ended - request.arrived for request, _ in results]

    def snapshot(self) -> Snapshot:
        """All of it until now."""
        with self._lock:
            self._count()
            model = self._model
            found: Snapshot = {
                (families.REVIEWS.name, model): [float(self._reviews)],
                (families.BATCHES.name, model): self._batches.values(),
                (families.CONFIDENCE.name, model): self._confidence.values(),
                (families.INK.name, model): self._ink.values(),
            }
            for label, count in zip(self._labels, self._predictions.tolist(), strict=True):
                found[families.PREDICTIONS.name, (*model, label)] = [count]
            for stage, histogram in self._stages.items():
                found[families.LATENCY.name, (*model, stage)] = histogram.values()
            for feature, counts in self._window.histograms() if self._window else ():
                found[families.DRIFT.name, (*model, feature)] = counts
            return found

    def _count(self) -> None:
        kept, self._uncounted = self._uncounted, _Uncounted()
        for stage, seconds in zip(self._stages, (kept.queue_s, kept.run_s, kept.total_s), strict=True):
            if seconds:
                self._stages[stage].add(np.array(seconds))
        if kept.rows:
            self._batches.add(np.array(kept.batches, np.float64))
            answers = np.frombuffer(b"".join(kept.answers), np.float32).reshape(kept.rows, -1)
            self._count_rows(answers, b"".join(kept.images))

    def _count_rows(self, answers: Probabilities, images: bytes) -> None:
        digits = answers.argmax(axis=1)
        confidences = answers[np.arange(len(answers)), digits]  # max() takes three times as long
        pixels = np.frombuffer(images, np.uint8).reshape(len(answers), -1)
        ink = pixels.sum(axis=1, dtype=np.uint32) / (INK * pixels.shape[1])
        self._predictions += np.bincount(digits, minlength=len(self._labels))
        self._reviews += int(np.count_nonzero(confidences < self._threshold))
        self._confidence.add(confidences)
        self._ink.add(ink)
        if self._window:
            self._window.add(digits, confidences, ink)
