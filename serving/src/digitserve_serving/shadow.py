"""A second version of a model that is asked the same as the first, off the path of the answers.

So a person sees what a new version would change before it does. It gets a share of the images, copied
once their answers are out, and computes while no call waits; what does not fit into its queue is dropped,
and counted.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from digitserve_serving.batcher import Mirror
from digitserve_serving.entries import ReadyModel
from digitserve_serving.manifest import Manifest
from digitserve_serving.metrics import families
from digitserve_serving.metrics.families import Snapshot
from digitserve_serving.runtime import Images, Probabilities
from digitserve_serving.settings import Shadowing

MOST_ROWS = 1024  # that wait: 0.8 MB
PAUSE_S = 0.002  # while calls wait

log = logging.getLogger(__name__)


class _Copy(NamedTuple):
    """Images (N, height, width) that a version has answered with these classes (N,)."""

    manifest: Manifest
    images: Images
    classes: npt.NDArray[np.intp]


class Shadow:
    """Computes copies on a thread of its own, one batch at a time. Safe for threads.

    `find` gives the version that is to be asked, by name and version or label, if it is loaded; `is_busy`
    tells whether calls wait.
    """

    def __init__(
        self,
        shadowing: Shadowing,
        find: Callable[[str, str], ReadyModel | None],
        is_busy: Callable[[], bool],
    ) -> None:
        self._shadowing = shadowing
        self._find = find
        self._is_busy = is_busy
        self._random = np.random.default_rng()
        self._changed = threading.Condition()
        self._waiting: deque[_Copy] = deque()
        self._waiting_rows = 0
        self._dropped = 0
        self._answers = Counter[tuple[str, ...]]()  # by both versions and both digits
        self._failing = ""  # the version that failed when it was asked last
        self._closed = False
        self._thread: threading.Thread | None = None

    def mirror_of(self, manifest: Manifest) -> Mirror | None:
        """What takes the batches of a version; None when it is of another model."""
        return partial(self._take, manifest) if manifest.name == self._shadowing.name else None

    def start(self) -> None:
        """Computes until it is closed."""
        self._thread = threading.Thread(target=self._work, name="shadow")
        self._thread.start()

    def close(self) -> None:
        """Drops what waits, and waits for the batch under way."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def snapshot(self) -> Snapshot:
        """How often the versions agreed, and on what they did not."""
        name = self._shadowing.name
        with self._changed:
            found: Snapshot = {(families.SHADOW_DROPPED.name, (name,)): [float(self._dropped)]}
            for answers, rows in self._answers.items():
                found[families.SHADOW_ANSWERS.name, (name, *answers)] = [float(rows)]
            return found

    def _take(self, manifest: Manifest, images: Images, rows: Probabilities) -> None:
        """Copies its share of a batch: images (N, height, width), answers (N, classes)."""
        target = self._target()
        if target and target.manifest.version == manifest.version:
            return
        with self._changed:
            chosen = np.flatnonzero(self._random.random(len(rows)) < self._shadowing.share)
            if not target or self._closed or self._waiting_rows + len(chosen) > MOST_ROWS:
                self._dropped += len(chosen)
            elif len(chosen):
                self._waiting.append(_Copy(manifest, images[chosen], rows[chosen].argmax(axis=1)))
                self._waiting_rows += len(chosen)
                self._changed.notify()

    def _target(self) -> ReadyModel | None:
        return self._find(self._shadowing.name, self._shadowing.version)

    def _work(self) -> None:
        while copy := self._next():
            answers = self._ask(copy)
            with self._changed:
                self._answers.update(answers)
                self._dropped += 0 if answers else len(copy.images)

    def _next(self) -> _Copy | None:
        """Waits until there is something, and no call waits; None when it is closed."""
        with self._changed:
            while not self._closed and (not self._waiting or self._is_busy()):
                self._changed.wait(PAUSE_S if self._waiting else None)
            if self._closed:
                return None
            copy = self._waiting.popleft()
            self._waiting_rows -= len(copy.images)
            return copy

    def _ask(self, copy: _Copy) -> Counter[tuple[str, ...]]:
        """How often which digits came together; nothing where it cannot be asked."""
        target = self._target()
        if not target or target.manifest.version == copy.manifest.version:
            return Counter()
        first, second = copy.manifest, target.manifest
        try:
            classes = target.run(copy.images).argmax(axis=1)
        except Exception:
            if self._failing != second.version:  # it may well fail with every batch
                log.exception("model %s/%s, as a shadow", second.name, second.version)
            self._failing = second.version
            return Counter()
        self._failing = ""
        digits = zip(copy.classes.tolist(), classes.tolist(), strict=True)
        return Counter((first.version, second.version, first.labels[a], second.labels[b]) for a, b in digits)
