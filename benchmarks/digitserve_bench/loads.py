"""The loads: what each sends, and by which generator."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from digitserve_bench import h2load
from digitserve_bench.arrivals import Phase
from digitserve_bench.measurement import Load, Measurement
from digitserve_bench.orders import Order, carry_out
from digitserve_bench.payloads import BATCH, SINGLE, STREAM, batch_message, digits, single_message
from digitserve_bench.plan import BATCH_ROWS, BATCHES_IN_FLIGHT, CALM_PERCENT, IN_FLIGHT, LOAD_PERCENT, Plan
from digitserve_bench.processes import cpu_s, largest_rss_mb
from digitserve_bench.targets import Target

BUSY_PERCENT, OVERLOAD_PERCENT = 80, max(LOAD_PERCENT)
SAMPLE_S = 0.3  # of our own generator, to name the errors that h2load cannot see
OWN, STREAMING = "own", "grpc.aio"


@dataclass(frozen=True, kw_only=True)
class Closed:
    """A closed loop: `in_flight` calls under way at any time."""

    name: str
    path: str
    in_flight: int
    images: int = 1


SINGLES = tuple(Closed(name=f"{n} in flight", path=SINGLE, in_flight=n) for n in IN_FLIGHT)
PEAK = SINGLES[-1]
BATCHES = Closed(
    name=f"{BATCH_ROWS} images per call, {BATCHES_IN_FLIGHT} in flight",
    path=BATCH,
    in_flight=BATCHES_IN_FLIGHT,
    images=BATCH_ROWS,
)
ONE_STREAM = Closed(
    name=f"a stream of {BATCH_ROWS} images per message, {BATCHES_IN_FLIGHT} in flight",
    path=STREAM,
    in_flight=BATCHES_IN_FLIGHT,
    images=BATCH_ROWS,
)
CLOSED = (*SINGLES, BATCHES, ONE_STREAM)


def open_name(percent: int) -> str:
    """What the open loop at so much of the peak is called."""
    return f"open loop at {percent} % of the peak"


class Loader:
    """Puts loads on targets. `folder` keeps the messages and logs."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._h2load = h2load.version()
        images = digits(plan.models, BATCH_ROWS)
        self._messages = {path: folder / path.rpartition("/")[2] for path in (SINGLE, BATCH, STREAM)}
        self._messages[SINGLE].write_bytes(single_message(images[0]))
        for path in (BATCH, STREAM):
            self._messages[path].write_bytes(batch_message(images))

    def warm_up(self, target: Target) -> None:
        """A moment of load that is not measured."""
        self._closed(target, PEAK, SAMPLE_S)

    def closed(self, target: Target, load: Closed) -> Measurement:
        """Measures a closed loop."""
        used_s = cpu_s(target.pid)
        seen, generator = self._closed(target, load, self._plan.closed_s)
        return Measurement(
            target=target.name,
            load=load.name,
            generator=generator,
            images_per_call=load.images,
            seen=seen,
            server_cpu_s=cpu_s(target.pid) - used_s,
            rss_mb=largest_rss_mb(target.pid),
        )

    def open(self, target: Target, percent: int, peak_per_s: float, seed: int) -> Measurement:
        """Measures an open loop at so much of the peak; after an overload, how the server recovers."""
        used_s = cpu_s(target.pid)
        phases = [Phase(peak_per_s * percent / 100, self._plan.open_s)]
        if percent == OVERLOAD_PERCENT:
            phases.append(Phase(peak_per_s * CALM_PERCENT / 100, self._plan.calm_s))
        order = self._order(target, SINGLE, self._plan.open_s, phases=phases, seed=seed)
        seen = carry_out("generator", order, Load)
        return Measurement(
            target=target.name,
            load=open_name(percent),
            generator=OWN,
            images_per_call=1,
            seen=seen,
            server_cpu_s=cpu_s(target.pid) - used_s,
            rss_mb=largest_rss_mb(target.pid),
        )

    def send(self, target: Target, calls: int) -> None:
        """Makes so many single calls, as fast as they are answered."""
        h2load.send(target.port, SINGLE, self._messages[SINGLE], calls=calls, in_flight=PEAK.in_flight)

    def _closed(self, target: Target, load: Closed, seconds: float) -> tuple[Load, str]:
        order = self._order(target, load.path, seconds, in_flight=load.in_flight)
        if load is ONE_STREAM or (load is BATCHES and not self._h2load):
            return carry_out("streaming", order, Load), STREAMING
        if not self._h2load:
            return carry_out("generator", order, Load), OWN
        message = self._messages[load.path]
        seen = h2load.load(
            target.port,
            load.path,
            message,
            in_flight=load.in_flight,
            seconds=seconds,
            answer_bytes=h2load.answer_bytes(target.port, load.path, message),
        )
        return (self._named(order, seen) if h2load.NO_ANSWER in seen.errors else seen), self._h2load

    def _named(self, order: Order, seen: Load) -> Load:
        """The same, where it can be told with the errors that calls just now run into."""
        if order.path != SINGLE:
            return seen
        again = msgspec.structs.replace(order, seconds=SAMPLE_S)
        sample = carry_out("generator", again, Load)
        names = "/".join(sample.errors) or h2load.NO_ANSWER
        return msgspec.structs.replace(seen, errors={names: seen.errors[h2load.NO_ANSWER]})

    def _order(
        self,
        target: Target,
        path: str,
        seconds: float,
        *,
        in_flight: int = 0,
        phases: list[Phase] | None = None,
        seed: int = 0,
    ) -> Order:
        return Order(
            port=target.port,
            path=path,
            message=str(self._messages[path]),
            seconds=seconds,
            in_flight=in_flight,
            phases=phases or [],
            seed=seed,
        )
