"""The order of things: several rounds, each with everything in it, so that the machine's moods even out."""

import datetime
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from digitserve_bench import check, targets
from digitserve_bench.floors import Floor, FloorOrder, Floors
from digitserve_bench.loads import BUSY_PERCENT, CLOSED, OVERLOAD_PERCENT, PEAK, SINGLES, Loader
from digitserve_bench.machine import this_machine
from digitserve_bench.measurement import Measurement
from digitserve_bench.medians import middle_client, middle_floors, middle_life, middle_measurements
from digitserve_bench.orders import carry_out
from digitserve_bench.plan import FULL, LOAD_PERCENT, Plan
from digitserve_bench.processes import cpu_s, largest_rss_mb, machine_cpu_s
from digitserve_bench.python_client import ClientOrder, ClientRun
from digitserve_bench.results import Life, Results, Soak
from digitserve_bench.targets import Target

Say = Callable[[str], None]


@dataclass
class Round:
    """What one round found; dictionaries by the name of the server."""

    floors: list[Floor] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    clients: dict[str, ClientRun] = field(default_factory=dict)
    lives: dict[str, Life] = field(default_factory=dict)
    probes: dict[str, Counter[str]] = field(default_factory=dict)
    compared: int = 0
    wrong: int = 0


def measure(plan: Plan, say: Say) -> Results:
    """Carries out the plan, and says how it goes. Raises DidNotStart when a target does not."""
    started, busy_s, own_s = time.monotonic(), machine_cpu_s(), _own_cpu_s()
    with tempfile.TemporaryDirectory(prefix="digitserve-bench-") as folder:
        conductor = Conductor(plan, Loader(plan, Path(folder)), say)
        rounds = [conductor.round(number) for number in range(plan.repetitions)]
        soaks = {name: conductor.soak(name) for name in targets.transports() if plan.soak_calls}
    seconds = time.monotonic() - started
    others_s = machine_cpu_s() - busy_s - (_own_cpu_s() - own_s)
    return _results(plan, rounds, soaks, seconds, others_s)


class Conductor:
    """Starts what is measured, and measures it."""

    def __init__(self, plan: Plan, loader: Loader, say: Say) -> None:
        self._plan = plan
        self._loader = loader
        self._say = say

    def round(self, number: int) -> Round:
        """Everything once, on fresh servers. `number` decides who goes first, and seeds the open loops."""
        found = Round()
        self._floors(found, number)
        with self._running() as (servers, echoes):
            idle_mb = {server.name: largest_rss_mb(server.pid) for server in servers}
            for target in (*servers, *echoes):
                self._loader.warm_up(target)
            self._closed_loops(found, number, servers, echoes)
            for server in servers:
                self._answers(found, server)
            self._open_loops(found, number, servers, echoes)
            for server in servers:
                self._client(found, server)
                found.lives[server.name] = _life(found, server, idle_mb[server.name])
        return found

    def soak(self, transport: str) -> list[Soak]:
        """The memory of a fresh server after many calls, and after very many."""
        soaks: list[Soak] = []
        with targets.server(transport, self._plan.models) as server:
            for calls in self._plan.soak_calls:
                self._loader.send(server, calls - (soaks[-1].calls if soaks else 0))
                soaks.append(Soak(calls=calls, rss_mb=largest_rss_mb(server.pid)))
                self._say(f"  {transport}: {soaks[-1].rss_mb:.1f} MB after {calls:,} calls")
        return soaks

    def _floors(self, found: Round, number: int) -> None:
        self._say(f"round {number + 1} of {self._plan.repetitions}: onnxruntime alone")
        order = FloorOrder(models=str(self._plan.models), seconds=self._plan.floor_s)
        found.floors = carry_out("floors", order, Floors).floors

    @contextmanager
    def _running(self) -> Iterator[tuple[list[Target], list[Target]]]:
        """The servers and the echoes, fresh."""
        with ExitStack() as stack:
            models = self._plan.models
            servers = [stack.enter_context(targets.server(name, models)) for name in targets.servers()]
            echoes = [stack.enter_context(targets.echo(name)) for name in targets.transports()]
            for each in (*servers, *echoes):
                self._say(f"  {each.name} is up, in {each.started_s:.2f} s")
            yield servers, echoes

    def _closed_loops(self, found: Round, number: int, servers: list[Target], echoes: list[Target]) -> None:
        for load in CLOSED:
            for target in _turned([*servers, *echoes] if load in SINGLES else servers, number):
                self._add(found, self._loader.closed(target, load))

    def _open_loops(self, found: Round, number: int, servers: list[Target], echoes: list[Target]) -> None:
        peaks = {each.target: each.calls_per_s for each in found.measurements if each.load == PEAK.name}
        for percent in LOAD_PERCENT:
            # What an echo makes of it is the floor: busy with its own peak, overloaded with the server's.
            asked_of = percent in (BUSY_PERCENT, OVERLOAD_PERCENT)
            for target in _turned([*servers, *echoes] if asked_of else servers, number):
                with self._probed(found, target, percent):
                    peak = peaks[target.server if percent == OVERLOAD_PERCENT else target.name]
                    self._add(found, self._loader.open(target, percent, peak, number))

    @contextmanager
    def _probed(self, found: Round, target: Target, percent: int) -> Iterator[None]:
        """A client of ours calls as well while the block runs, if this is the overload of a server."""
        if percent != OVERLOAD_PERCENT or target.is_echo:
            yield
            return
        with check.probing(target.address, self._plan.models) as met:
            yield
        found.probes[target.name] = met

    def _answers(self, found: Round, server: Target) -> None:
        checked = check.answers(server.address, self._plan.models, self._plan.checked)
        found.compared += checked.compared
        found.wrong += checked.wrong
        self._say(f"  {server.name}: {checked.wrong} of {checked.compared} answers are not onnxruntime's")

    def _client(self, found: Round, server: Target) -> None:
        plan = self._plan
        order = ClientOrder(address=server.address, models=str(plan.models), images=plan.images)
        run = found.clients[server.name] = carry_out("python_client", order, ClientRun)
        self._say(
            f"  {server.name}, Python client: {run.batch.images_per_s:,.0f} images/s as an array,"
            f" {run.stream.images_per_s:,.0f} one by one"
        )

    def _add(self, found: Round, measurement: Measurement) -> None:
        found.measurements.append(measurement)
        latencies, errors = measurement.seen.latencies, measurement.seen.errors
        self._say(
            f"  {measurement.target}, {measurement.load}: {measurement.images_per_s:,.0f} images/s,"
            f" p50 {latencies.p50_ms:.2f} ms, p99 {latencies.p99_ms:.2f} ms"
            + "".join(f", {count} {name}" for name, count in errors.items())
        )


def _life(found: Round, server: Target, idle_mb: float) -> Life:
    loaded_mb = max(each.rss_mb for each in found.measurements if each.target == server.name)
    return Life(started_s=server.started_s, idle_mb=idle_mb, loaded_mb=loaded_mb)


def _turned(chosen: Sequence[Target], number: int) -> list[Target]:
    """In another order each round: nobody always goes first."""
    first = number % len(chosen)
    return [*chosen[first:], *chosen[:first]]


def _own_cpu_s() -> float:
    """CPU time of the benchmark and of all it has started, whether or not that still runs."""
    ended = os.times()
    return cpu_s(os.getpid()) + ended.children_user + ended.children_system


def _results(
    plan: Plan, rounds: Sequence[Round], soaks: dict[str, list[Soak]], seconds: float, others_s: float
) -> Results:
    names, machine = list(rounds[0].lives), this_machine()
    return Results(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        complete=plan.repetitions >= FULL.repetitions,
        rounds=plan.repetitions,
        minutes=round(seconds / 60, 1),
        machine=machine,
        others_share=round(max(0.0, others_s) / (seconds * machine.cores), 3),
        floors=middle_floors([each.floors for each in rounds]),
        measurements=middle_measurements([each.measurements for each in rounds]),
        clients={name: middle_client([each.clients[name] for each in rounds]) for name in names},
        lives={name: middle_life([each.lives[name] for each in rounds]) for name in names},
        probes={name: dict(sum((each.probes[name] for each in rounds), Counter())) for name in names},
        soaks=soaks,
        compared=sum(each.compared for each in rounds),
        wrong=sum(each.wrong for each in rounds),
    )
