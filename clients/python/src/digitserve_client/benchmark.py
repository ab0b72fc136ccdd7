"""Measures a running server from a user's side, with the asyncio client."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from digitserve_client.async_client import AsyncDigitClient
from digitserve_client.errors import CallError
from digitserve_client.images import SIDE_PX, Rows

LOCAL_HOSTS = ("localhost", "127.", "[::1]", "0.0.0.0", "unix:")  # noqa: S104  # where calls go, not come from
PERCENTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p999_ms": 99.9}


@dataclass(frozen=True, kw_only=True)
class Load:
    """So many images in each call, and so many calls under way at any time."""

    images_per_call: int
    in_flight: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a load gave.

    seconds: how long it lasted, to the end of the last call. calls: those answered. errors: the others, by
    the name of their gRPC status. latencies_ms: percentiles of the answered, by name; empty without any.
    """

    load: Load
    seconds: float
    calls: int
    errors: dict[str, int]
    latencies_ms: dict[str, float]

    @property
    def calls_per_s(self) -> float:
        """Answered calls per second."""
        return self.calls / self.seconds

    @property
    def images_per_s(self) -> float:
        """Images in them per second."""
        return self.calls_per_s * self.load.images_per_call

    def facts(self) -> dict[str, Any]:
        """As it is printed in JSON."""
        return {
            "images_per_call": self.load.images_per_call,
            "in_flight": self.load.in_flight,
            "seconds": round(self.seconds, 3),
            "calls": self.calls,
            "calls_per_s": round(self.calls_per_s, 1),
            "images_per_s": round(self.images_per_s, 1),
            **self.latencies_ms,
            "errors": self.errors,
        }


def is_local(target: str) -> bool:
    """Whether the server at `target` shares this machine's cores with whoever measures it."""
    return target.startswith(LOCAL_HOSTS)


def noise() -> Rows:
    """Images that show nothing."""
    return np.random.default_rng(0).integers(0, 256, (256, SIDE_PX, SIDE_PX), np.uint8)


async def measure(client: AsyncDigitClient, load: Load, seconds: float, images: Rows) -> Measured:
    """Puts a load on the server for so long, and waits for the calls that are then under way.

    The images, (N, 28, 28), are sent over and over. The client should be one without retries: they would
    hide errors, and their pauses would count. Raises CallError when not even a first call, which is not
    measured, is answered.
    """
    call = _call(client, load.images_per_call, images)
    await call()
    took: list[float] = []
    errors: Counter[str] = Counter()
    start = time.perf_counter()

    async def caller() -> None:
        while (sent := time.perf_counter()) < start + seconds:
            try:
                await call()
            except CallError as error:
                errors[error.code] += 1
            else:
                took.append(time.perf_counter() - sent)

    await asyncio.gather(*(caller() for _ in range(load.in_flight)))
    return Measured(
        load=load,
        seconds=time.perf_counter() - start,
        calls=len(took),
        errors=dict(errors.most_common()),
        latencies_ms=_latencies_ms(took),
    )


def _call(client: AsyncDigitClient, images_per_call: int, images: Rows) -> Callable[[], Awaitable[object]]:
    """Each call has the images that come after those of the one before."""
    starts = itertools.count(step=images_per_call)

    def following() -> Rows:
        start = next(starts)
        return images.take(range(start, start + images_per_call), axis=0, mode="wrap")

    if images_per_call == 1:
        return lambda: client.classify(following())
    return lambda: client.classify_batch(following())


def _latencies_ms(took: list[float]) -> dict[str, float]:
    if not took:
        return {}
    values = np.percentile(took, list(PERCENTILES.values())) * 1000
    return {name: round(float(value), 3) for name, value in zip(PERCENTILES, values, strict=True)}
