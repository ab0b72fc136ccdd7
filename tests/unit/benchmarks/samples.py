"""Results of a run that never was, for the tests of what is made of results."""

from typing import Any

from digitserve_bench.floors import Floor
from digitserve_bench.loads import CLOSED, SINGLES, open_name
from digitserve_bench.machine import Machine
from digitserve_bench.measurement import Latencies, Load, Measurement
from digitserve_bench.plan import LOAD_PERCENT
from digitserve_bench.python_client import ClientRun, Way
from digitserve_bench.results import Life, Results, Soak

MACHINE = Machine(
    cpu="Example(R) CPU 9000 @ 2.5GHz",
    cores=2,
    memory_gb=8.0,
    kernel="Linux 6.1",
    python="3.11.9",
    versions={"onnxruntime": "1.30.0"},
)
LATENCIES = Latencies(1.0, 2.0, 3.0, 4.0)


def load(answered: int, **more: Any) -> Load:
    facts: dict[str, Any] = {
        "seconds": 2.0,
        "answered": answered,
        "errors": {},
        "latencies": LATENCIES,
        "whole_s": 2.0,
        "whole_answered": answered,
        "generator_cpu_s": 0.4,
    }
    return Load(**(facts | more))


def measurement(target: str, name: str, answered: int, images: int = 1, **more: Any) -> Measurement:
    return Measurement(
        target=target,
        load=name,
        generator="h2load nghttp2/1.52.0",
        images_per_call=images,
        seen=load(answered, **more),
        server_cpu_s=3.0,
        rss_mb=120.0,
    )


def results(**more: Any) -> Results:
    """A run in which all that was asked is reached: grpc.aio's echo 10,000 calls/s, native 24,000."""
    rates = {"grpcio": 7_000, "native": 24_000, "echo grpcio": 10_000, "echo native": 30_000}
    measurements = [
        measurement(target, each.name, 2 * rate // each.images * (5 if each.images > 1 else 1), each.images)
        for each in CLOSED
        for target, rate in rates.items()
        if each in SINGLES or not target.startswith("echo")
    ]
    for percent in LOAD_PERCENT:
        refused: dict[str, Any] = {"offered_per_s": 100.0 * percent}
        if percent == 300:
            refused |= {
                "errors": {"RESOURCE_EXHAUSTED": 9},
                "refusals": Latencies(0.1, 0.2, 0.3, 0.4),
                "recovery_s": 0.2,
            }
        measurements += [
            measurement(target, open_name(percent), 2 * rates[target], **refused)
            for target in ("grpcio", "native")
        ]
    floor = Floor(sessions=2, threads=1, batch=32, images_per_s=35_000.0, latencies=LATENCIES)
    way = Way(images_per_s=33_000.0, client_cpu_s=0.3)
    both = ("grpcio", "native")
    facts: dict[str, Any] = {
        "date": "2026-01-31",
        "complete": True,
        "rounds": 3,
        "minutes": 7.5,
        "machine": MACHINE,
        "others_share": 0.01,
        "floors": [floor],
        "measurements": measurements,
        "clients": {name: ClientRun(batch=way, stream=way, growth_mb=0.5) for name in both},
        "lives": {name: Life(started_s=0.7, idle_mb=80.0, loaded_mb=180.0) for name in both},
        "probes": {name: {"OK": 3, "RETRY_INFO": 12} for name in both},
        "soaks": {
            name: [Soak(calls=10_000, rss_mb=100.0), Soak(calls=1_000_000, rss_mb=101.0)] for name in both
        },
        "compared": 900,
        "wrong": 0,
    }
    return Results(**(facts | more))
