"""What was asked of the servers, what was measured, and whether that is enough."""

from collections.abc import Iterator
from typing import NamedTuple

from digitserve_bench.check import RETRY_INFO
from digitserve_bench.loads import BATCHES, BUSY_PERCENT, OVERLOAD_PERCENT, SINGLES, open_name
from digitserve_bench.measurement import Measurement
from digitserve_bench.results import Results
from digitserve_bench.targets import ECHO, TRANSPORTS, TWO_WORKERS

FASTEST = "native"
REFUSAL = "RESOURCE_EXHAUSTED"
ONE, SIXTEEN, SIXTY_FOUR = (load.name for load in SINGLES)


class Reached(NamedTuple):
    """One thing that was asked. met: None when it was not measured in this run."""

    what: str
    asked: str
    measured: str
    met: bool | None


def reach(results: Results) -> list[Reached]:
    """Everything that was asked, for each server that was measured."""
    rows = [*_batches(results), *_single_calls(results), *_latency(results), *_client(results)]
    rows += [*_open_loop(results), *_overload(results), *_life(results), *_soak(results)]
    return [*rows, _right(results)]


def _batches(results: Results) -> Iterator[Reached]:
    best = results.best_floor.images_per_s
    for server, found in _measured(results, BATCHES.name):
        share = found.images_per_s / best
        yield Reached(
            f"{BATCHES.name}, {server}", ">= 0.90 of raw onnxruntime", f"{share:.2f}", share >= 0.90
        )


def _single_calls(results: Results) -> Iterator[Reached]:
    asked = [(FASTEST, SIXTY_FOUR, 2.3), (FASTEST, SIXTEEN, 1.8)]
    asked += [("grpcio", SIXTY_FOUR, 0.65), (TWO_WORKERS, SIXTY_FOUR, 0.65)]
    for server, load, least in asked:
        found, floor = results.find(server, load), results.find(ECHO + "grpcio", load)
        what = f"one image per call, {load}, {server}"
        if found and floor:
            times = found.calls_per_s / floor.calls_per_s
            yield Reached(what, f">= {least} x grpc.aio echo", f"{times:.2f} x", times >= least)
        if found and (server, load) == (FASTEST, SIXTY_FOUR):
            yield _at_most(what + ", p99", found.seen.latencies.p99_ms, 6.0, "ms")


def _latency(results: Results) -> Iterator[Reached]:
    floor = results.find(ECHO + "grpcio", ONE)
    for server, found in _measured(results, ONE):
        if floor:
            above_ms = found.seen.latencies.p50_ms - floor.seen.latencies.p50_ms
            what = f"one image, nothing else in flight, {server}: p50 above grpc.aio echo"
            yield _at_most(what, above_ms, 0.0 if server == FASTEST else 0.3, "ms")


def _client(results: Results) -> Iterator[Reached]:
    best = results.best_floor.images_per_s
    for server, run in results.clients.items():
        for name, way in (("classify_batch", run.batch), ("classify_stream", run.stream)):
            share = way.images_per_s / best
            what = f"client.{name}, {server}"
            yield Reached(what, ">= 0.85 of raw onnxruntime", f"{share:.2f}", share >= 0.85)
        what = f"memory of the client over an endless iterator, {server}: growth"
        yield _at_most(what, run.growth_mb, 2.0, "MB")


def _open_loop(results: Results) -> Iterator[Reached]:
    for server, found in _measured(results, open_name(BUSY_PERCENT)):
        latencies, errors = found.seen.latencies, sum(found.seen.errors.values())
        times = latencies.p99_ms / max(latencies.p50_ms, 1e-9)
        what = f"{open_name(BUSY_PERCENT)}, {server}"
        measured = f"{times:.1f} x p50, {errors} errors"
        yield Reached(what, "p99 <= 5 x p50, no errors", measured, times <= 5 and not errors)


def _overload(results: Results) -> Iterator[Reached]:
    for server, found in _measured(results, open_name(OVERLOAD_PERCENT)):
        what = f"3 times the peak, {server}: "
        peak = results.find(server, SIXTY_FOUR)
        if peak:
            share = found.calls_per_s / peak.calls_per_s
            yield Reached(what + "goodput", ">= 0.90 of the peak", f"{share:.2f}", share >= 0.90)
        yield _only_refusals(what, found)
        yield _refused_within(what, found)
        yield _refused_with_retry_info(what, results.probes.get(server, {}))
        if found.seen.recovery_s is not None:
            yield _at_most(what + "recovery", found.seen.recovery_s, 1.0, "s")


def _only_refusals(what: str, found: Measurement) -> Reached:
    others = {name: count for name, count in found.seen.errors.items() if name != REFUSAL}
    measured = f"{found.seen.errors.get(REFUSAL, 0)} refused, {others or 'no other errors'}"
    return Reached(what + "errors", f"only {REFUSAL}, nothing hangs", measured, not others)


def _refused_within(what: str, found: Measurement) -> Reached:
    what += "refused within, p99"
    if REFUSAL not in found.seen.errors:
        return Reached(what, "<= 5 ms", "none refused", None)
    return _at_most(what, found.seen.refusals.p99_ms, 5.0, "ms")


def _refused_with_retry_info(what: str, met: dict[str, int]) -> Reached:
    others = {name: count for name, count in met.items() if name not in ("OK", RETRY_INFO)}
    measured = f"{met.get(RETRY_INFO, 0)} with, {others or 'none'} otherwise"
    verdict = False if others else (RETRY_INFO in met or None)
    return Reached(what + "refusals of a client's calls", "with RetryInfo", measured, verdict)


def _life(results: Results) -> Iterator[Reached]:
    for server, life in results.lives.items():
        yield _at_most(f"from start to SERVING, {server}", life.started_s, 1.0, "s")
        yield _at_most(f"memory idle, {server}", life.idle_mb, 100.0, "MB")
        yield _at_most(f"memory after the heaviest load, {server}", life.loaded_mb, 250.0, "MB")


def _soak(results: Results) -> Iterator[Reached]:
    for server in (name for name in TRANSPORTS if name in results.servers):
        what = f"memory after a million calls against ten thousand, {server}"
        soaks = results.soaks.get(server, [])
        if not soaks:
            yield Reached(what, "within 5 %", "not measured (--million)", None)
            continue
        change = soaks[-1].rss_mb / soaks[0].rss_mb - 1
        yield Reached(what, "within 5 %", f"{change:+.1%}", abs(change) <= 0.05)


def _right(results: Results) -> Reached:
    measured = f"{results.wrong} wrong of {results.compared}"
    return Reached("answers compared with onnxruntime's", "all alike", measured, not results.wrong)


def _measured(results: Results, load: str) -> Iterator[tuple[str, Measurement]]:
    for server in results.servers:
        found = results.find(server, load)
        if found:
            yield server, found


def _at_most(what: str, value: float, most: float, unit: str) -> Reached:
    return Reached(what, f"<= {most:g} {unit}", f"{value:.2f} {unit}", value <= most)
