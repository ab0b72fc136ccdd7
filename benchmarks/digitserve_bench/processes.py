"""What processes cost: CPU time and memory, out of /proc; and children that never outlive their block."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STOP_TIMEOUT_S = 15.0
MB = 1_000_000


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module of this package in a process of its own."""
    return [sys.executable, "-m", f"digitserve_bench.{name}", *map(str, arguments)]


def environment() -> dict[str, str]:
    """That of this process, in which children find this package wherever it was imported from."""
    paths = (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


@contextmanager
def child(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process with its stdout in a pipe; at the end of the block it has ended, by force if need be."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())  # noqa: S603  # ours
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        tasks = list((PROC / str(pid) / "task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return []
    return [pid, *(member for child in children for member in family(child))]


def cpu_s(pid: int) -> float:
    """Seconds of CPU time that a process and all below it have used, in user and in system mode."""
    return sum(_ticks(member) for member in family(pid)) / TICKS_PER_S


def largest_rss_mb(pid: int) -> float:
    """Resident memory, in 10**6 bytes, of the largest process of a family."""
    return max((_resident_pages(member) for member in family(pid)), default=0) * PAGE_BYTES / MB


def machine_cpu_s() -> float:
    """Seconds of CPU time that all processes of the machine have used, summed over its cores."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / TICKS_PER_S


def _ticks(pid: int) -> int:
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])  # utime and stime


def _resident_pages(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0
