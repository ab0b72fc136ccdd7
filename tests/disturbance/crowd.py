"""Callers in processes of their own: so each has a connection of its own, and no test slows it down."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from disturbance.tally import Tally

KINDS = ("sync", "asyncio")
TESTS = Path(__file__).parents[1]
MORE_CALLS = 5  # of each caller, after a disturbance: life goes on

Tallies = dict[str, Tally]


class Crowd:
    """`with Crowd(target, repository) as crowd:` - both clients call without a pause until the end."""

    def __init__(self, target: str, repository: Path, *, processes: int = 1) -> None:
        """`processes` of each kind."""
        self._arguments = (target, str(repository))
        self._processes = processes
        self._callers: list[tuple[str, subprocess.Popen[str]]] = []

    def __enter__(self) -> Self:
        for kind in KINDS * self._processes:
            self._callers.append((kind, self._start(kind)))
        self._take(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, caller in self._callers:
            caller.kill()
            caller.communicate()

    def during(self, disturb: Callable[[], object]) -> Tallies:
        """What became of the calls that ended while it was disturbed, and of some more; by kind."""
        self._take(1)  # whoever had waited since an earlier disturbance has been answered
        disturb()
        return self._take(MORE_CALLS)

    def _start(self, kind: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "disturbance.caller", kind, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent / "benchmarks")))},
        )

    def _take(self, more: int) -> Tallies:
        for _, caller in self._callers:
            assert caller.stdin
            caller.stdin.write(f"{more}\n")
            caller.stdin.flush()
        tallies = {kind: Tally() for kind in KINDS}
        for kind, caller in self._callers:
            assert caller.stdout
            tallies[kind] += msgspec.json.decode(caller.stdout.readline(), type=Tally)
        return tallies
