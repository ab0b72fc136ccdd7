"""Everything one run found, as it is kept in JSON."""

from pathlib import Path

import msgspec

from digitserve_bench.floors import Floor
from digitserve_bench.machine import Machine
from digitserve_bench.measurement import Measurement
from digitserve_bench.python_client import ClientRun


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """A server's start and its memory: of the largest process, in 10**6 bytes."""

    started_s: float
    idle_mb: float
    loaded_mb: float


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of a fresh server after so many calls, in 10**6 bytes."""

    calls: int
    rss_mb: float


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the benchmark: medians over its rounds.

    date: of the run, ISO 8601. complete: False for a quick run, whose figures are of one short round.
    others_share: CPU time that processes which have nothing to do with
    the benchmark took meanwhile, of all there was, 0 to 1. compared, wrong: answers checked against
    onnxruntime's. probes: what a client's own calls met during the overload, counted. The dictionaries go
    by the name of the server.
    """

    date: str
    complete: bool
    rounds: int
    minutes: float
    machine: Machine
    others_share: float
    floors: list[Floor]
    measurements: list[Measurement]
    clients: dict[str, ClientRun]
    lives: dict[str, Life]
    probes: dict[str, dict[str, int]]
    soaks: dict[str, list[Soak]]
    compared: int
    wrong: int

    @property
    def name(self) -> str:
        """Of the files the results are kept in."""
        return f"{self.date}-{self.machine.slug}" + ("" if self.complete else "-quick")

    @property
    def servers(self) -> list[str]:
        """The servers that were measured."""
        return list(self.lives)

    @property
    def best_floor(self) -> Floor:
        """The most images per second that onnxruntime gave by itself."""
        return max(self.floors, key=lambda floor: floor.images_per_s)

    def find(self, target: str, load: str) -> Measurement | None:
        """The measurement of one load on one target."""
        found = (each for each in self.measurements if (each.target, each.load) == (target, load))
        return next(found, None)


def write_json(results: Results, folder: Path) -> Path:
    """Keeps the results in a file of this folder."""
    file = folder / f"{results.name}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    return file


def read_json(file: Path) -> Results:
    """The results in such a file."""
    return msgspec.json.decode(file.read_bytes(), type=Results)
