"""One round out of several: the median of every figure, except where the worst is what matters."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

import msgspec
import numpy as np

from digitserve_bench.floors import Floor
from digitserve_bench.measurement import Latencies, Load, Measurement
from digitserve_bench.python_client import ClientRun, Way
from digitserve_bench.results import Life


def middle_floors(rounds: Sequence[list[Floor]]) -> list[Floor]:
    """Arrangement by arrangement."""
    return [
        msgspec.structs.replace(
            same[0],
            images_per_s=median(floor.images_per_s for floor in same),
            latencies=middle_latencies(floor.latencies for floor in same),
        )
        for same in zip(*rounds, strict=True)
    ]


def middle_measurements(rounds: Sequence[list[Measurement]]) -> list[Measurement]:
    """Load by load, target by target, in the order of the first round."""
    return [
        middle_measurement([each for found in rounds for each in found if _key(each) == _key(first)])
        for first in rounds[0]
    ]


def middle_measurement(same: Sequence[Measurement]) -> Measurement:
    """One load on one target. Errors are summed, so that none is lost; memory is the most there was."""
    load = _middle_load([each.seen for each in same])
    cpu_per_call_s = median(each.server_cpu_s / max(1, each.seen.whole_answered) for each in same)
    return msgspec.structs.replace(
        same[0],
        seen=load,
        server_cpu_s=cpu_per_call_s * load.whole_answered,
        rss_mb=max(each.rss_mb for each in same),
    )


def middle_client(runs: Sequence[ClientRun]) -> ClientRun:
    """The Python client; of its growing memory the most."""
    return ClientRun(
        batch=_middle_way([run.batch for run in runs]),
        stream=_middle_way([run.stream for run in runs]),
        growth_mb=max(run.growth_mb for run in runs),
    )


def middle_life(lives: Sequence[Life]) -> Life:
    """A server's life; of its memory the most."""
    return Life(
        started_s=median(life.started_s for life in lives),
        idle_mb=max(life.idle_mb for life in lives),
        loaded_mb=max(life.loaded_mb for life in lives),
    )


def middle_latencies(several: Iterable[Latencies]) -> Latencies:
    """Percentile by percentile."""
    rows = np.array([msgspec.structs.astuple(each) for each in several])
    return Latencies(*(round(float(value), 4) for value in np.median(rows, axis=0)))


def _key(measurement: Measurement) -> tuple[str, str]:
    return measurement.target, measurement.load


def _middle_load(loads: Sequence[Load]) -> Load:
    seconds = median(load.seconds for load in loads)
    recoveries = [load.recovery_s for load in loads if load.recovery_s is not None]
    return Load(
        seconds=seconds,
        answered=round(median(load.answered / load.seconds for load in loads) * seconds),
        errors=dict(sum((Counter(load.errors) for load in loads), Counter())),
        latencies=middle_latencies(load.latencies for load in loads),
        whole_s=median(load.whole_s for load in loads),
        whole_answered=round(median(load.whole_answered for load in loads)),
        generator_cpu_s=median(load.generator_cpu_s for load in loads),
        offered_per_s=median(load.offered_per_s for load in loads),
        refusals=middle_latencies(load.refusals for load in loads),
        lateness=middle_latencies(load.lateness for load in loads),
        recovery_s=max(recoveries) if recoveries else None,
    )


def _middle_way(ways: Sequence[Way]) -> Way:
    return Way(
        images_per_s=median(way.images_per_s for way in ways),
        client_cpu_s=median(way.client_cpu_s for way in ways),
    )
