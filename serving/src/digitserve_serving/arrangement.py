"""How many processes serve, and how many threads compute in each.

One process serves two cores as well as two do: measured on two, with calls of one image and of 256, one
process of two threads did 1.0 to 1.3 times what two of one thread each did. And it gives both to a client
that has one connection. Beyond that its one event loop has all it can do with small calls; so there is a
process for each pair of cores.
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
