"""What a process holds: memory, descriptors, threads."""

from pathlib import Path
from typing import NamedTuple

from digitserve_bench.processes import largest_rss_mb


class Footprint(NamedTuple):
    """Of one process."""

    memory_mb: float
    descriptors: int
    threads: int


def footprint(pid: int) -> Footprint:
    """What it holds now."""
    process = Path("/proc") / str(pid)
    descriptors, threads = (len(list((process / folder).iterdir())) for folder in ("fd", "task"))
    return Footprint(round(largest_rss_mb(pid), 1), descriptors, threads)
