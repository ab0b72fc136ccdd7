"""How many cores this process may really use.

The server counts them in the same way, by code of its own: neither package needs the other.
"""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_cpus(cgroup: Path = CGROUP) -> int:
    """Cores by affinity and cgroup quota, whichever is fewer; at least 1.

    A worker for each core of the host would be far too many in a container with a quota of two on a host of
    sixty-four, and each holds the picture that it decodes.
    """
    cpus = _affinity()
    quota = _quota_v2(cgroup) or _quota_v1(cgroup) or cpus
    return max(1, min(cpus, math.ceil(quota)))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS has no affinity


def _quota_v2(cgroup: Path) -> float | None:
    match _read(cgroup / "cpu.max").split():
        case [quota, period] if quota != "max":
            return int(quota) / int(period)
    return None


def _quota_v1(cgroup: Path) -> float | None:
    quota = _read(cgroup / "cpu/cpu.cfs_quota_us").strip()
    period = _read(cgroup / "cpu/cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota and period and int(quota) > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
