"""How many processes serve, and how many threads compute in each.

One process gives all of its cores to a client that has one connection; several share out connections, not
calls. As the event loop of one process has all it can do with small calls when about two cores are busy,
there is a process for each pair of cores. That is reasoned, not measured: two cores were all there were.
"""

import math
import sys
from typing import NamedTuple

from digitserve_serving.settings import Settings

CORES_PER_WORKER = 2


class Arrangement(NamedTuple):
    """`workers` processes, in each of which `threads` threads compute."""

    workers: int
    threads: int


def arrangement(settings: Settings, cores: int) -> Arrangement:
    """What suits so many usable cores, where the settings leave it open."""
    workers = settings.workers or _suitable_workers(cores)
    return Arrangement(workers, settings.intra_op_threads or math.ceil(cores / workers))


def _suitable_workers(cores: int) -> int:
    if sys.platform != "linux":
        return 1  # elsewhere SO_REUSEPORT spreads no connections
    return max(1, cores // CORES_PER_WORKER)
