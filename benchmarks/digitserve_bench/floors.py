"""What the arithmetic alone gives: onnxruntime without a server around it; a process given a FloorOrder."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from digitserve_bench.measurement import Latencies, percentiles
from digitserve_bench.orders import given, reply
from digitserve_bench.payloads import digits
from digitserve_bench.plan import FLOOR_BATCHES
from digitserve_bench.raw import RawModel

ARRANGEMENTS = ((1, 1), (1, 2), (2, 1))  # sessions and threads of each


class FloorOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which model, and how long each arrangement shall run."""

    models: str
    seconds: float


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """Raw `session.run` in some arrangement: sessions at once, threads of each, images in one run."""

    sessions: int
    threads: int
    batch: int
    images_per_s: float
    latencies: Latencies


class Floors(msgspec.Struct, frozen=True):
    """All arrangements."""

    floors: list[Floor]


def measure(order: FloorOrder) -> Floors:
    """Measures every arrangement, one after the other."""
    models = Path(order.models)
    floors = []
    for sessions, threads in ARRANGEMENTS:
        loaded = [RawModel(models, threads) for _ in range(sessions)]
        floors += [_floor(loaded, threads, batch, models, order.seconds) for batch in FLOOR_BATCHES]
    return Floors(floors)


def _floor(sessions: list[RawModel], threads: int, batch: int, models: Path, seconds: float) -> Floor:
    images = digits(models, batch)
    took: list[float] = []

    def work(session: RawModel) -> None:
        session.run(images)  # claims its memory
        took.extend(_durations(lambda: session.run(images), seconds))

    workers = [threading.Thread(target=work, args=[session]) for session in sessions]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Floor(
        sessions=len(sessions),
        threads=threads,
        batch=batch,
        images_per_s=len(took) * batch * len(sessions) / sum(took),
        latencies=percentiles(took),
    )


def _durations(run: Callable[[], object], seconds: float) -> list[float]:
    """How long `run` took, each time, for so long."""
    took = []
    now = time.perf_counter()
    end = now + seconds
    while now < end:
        run()
        before, now = now, time.perf_counter()
        took.append(now - before)
    return took


if __name__ == "__main__":
    reply(measure(given(FloorOrder)))
