import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digitserve_serving.batcher import Mirror
from digitserve_serving.entries import ReadyModel
from digitserve_serving.manifest import Manifest, read_manifest
from digitserve_serving.metrics.families import Snapshot
from digitserve_serving.settings import Shadowing
from digitserve_serving.shadow import MOST_ROWS, Shadow
from tiny_model import expected_probabilities, image_of, write_tiny_model

IMAGES = np.stack([image_of(digit) for digit in (1, 1, 7)])
ANSWERS = expected_probabilities(IMAGES)


def manifest(tmp_path: Path, version: str) -> Manifest:
    return read_manifest(write_tiny_model(tmp_path, version=version) / "manifest.json")


class Second:
    """Stands for a version that answers one more than the first."""

    def __init__(self, tmp_path: Path) -> None:
        self.busy = False
        self.loaded = True
        self.error: Exception | None = None
        self.asked = threading.Semaphore(0)
        self._manifest = manifest(tmp_path, "2")

    def find(self, name: str, version: str) -> ReadyModel | None:
        assert (name, version) == ("digits", "canary")
        unused: Any = None
        return ReadyModel(self._manifest, self._run, unused, unused, None) if self.loaded else None

    def _run(self, images: Any) -> Any:
        self.asked.release()
        if self.error:
            raise self.error
        return np.roll(expected_probabilities(images), 1, axis=1)


@contextmanager
def shadowing(second: Second, share: float = 1.0) -> Iterator[Shadow]:
    shadow = Shadow(Shadowing("digits", "canary", share), second.find, lambda: second.busy)
    shadow.start()
    try:
        yield shadow
    finally:
        shadow.close()


def mirror_of(shadow: Shadow, first: Manifest) -> Mirror:
    mirror = shadow.mirror_of(first)
    assert mirror
    return mirror


def dropped(shadow: Shadow) -> float:
    return shadow.snapshot()["digitserve_shadow_dropped", ("digits",)][0]


def until(true: Callable[[], bool]) -> None:
    while not true():
        pass


def pairs(snapshot: Snapshot) -> dict[tuple[str, ...], float]:
    return {labels: n for (name, labels), (n,) in snapshot.items() if name == "digitserve_shadow_answers"}


def test_digits_are_counted_in_pairs(tmp_path: Path) -> None:
    second, first = Second(tmp_path), manifest(tmp_path, "1")
    with shadowing(second) as shadow:
        mirror_of(shadow, first)(IMAGES, ANSWERS)
        until(lambda: len(pairs(shadow.snapshot())) == 2)
        assert pairs(shadow.snapshot()) == {
            ("digits", "1", "2", "1", "2"): 2,
            ("digits", "1", "2", "7", "8"): 1,
        }
        assert dropped(shadow) == 0


def test_another_model_and_the_version_itself_are_not_compared(tmp_path: Path) -> None:
    second = Second(tmp_path)
    other = read_manifest(write_tiny_model(tmp_path, "letters") / "manifest.json")
    with shadowing(second) as shadow:
        assert shadow.mirror_of(other) is None
        mirror_of(shadow, manifest(tmp_path, "3"))(IMAGES, ANSWERS)
        mirror_of(shadow, second.find("digits", "canary").manifest)(IMAGES, ANSWERS)  # type: ignore[union-attr]
        until(lambda: bool(pairs(shadow.snapshot())))
        assert {labels[1] for labels in pairs(shadow.snapshot())} == {"3"}


def test_a_share_is_a_share(tmp_path: Path) -> None:
    second = Second(tmp_path)
    second.loaded = False  # so that all of the share is dropped at once, and counted
    with shadowing(second, share=0.25) as shadow:
        mirror = mirror_of(shadow, manifest(tmp_path, "1"))
        for _ in range(1000):
            mirror(IMAGES, ANSWERS)
        assert 600 < dropped(shadow) < 900


def test_while_calls_wait_it_waits_and_what_does_not_fit_is_dropped(tmp_path: Path) -> None:
    second = Second(tmp_path)
    second.busy = True
    with shadowing(second) as shadow:
        mirror = mirror_of(shadow, manifest(tmp_path, "1"))
        fit = MOST_ROWS // len(IMAGES)
        for _ in range(fit + 5):
            mirror(IMAGES, ANSWERS)
        assert dropped(shadow) == 5 * len(IMAGES)
        assert not second.asked.acquire(timeout=0.05)
        second.busy = False
        until(lambda: sum(pairs(shadow.snapshot()).values()) == fit * len(IMAGES))


def test_a_shadow_that_fails_counts_as_dropped_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    second = Second(tmp_path)
    second.error = RuntimeError("broken")
    with shadowing(second) as shadow:
        mirror = mirror_of(shadow, manifest(tmp_path, "1"))
        for _ in range(2):
            mirror(IMAGES, ANSWERS)
        until(lambda: dropped(shadow) == 2 * len(IMAGES))
        assert caplog.text.count("as a shadow") == 1
        second.error = None
        mirror(IMAGES, ANSWERS)
        until(lambda: sum(pairs(shadow.snapshot()).values()) == len(IMAGES))
