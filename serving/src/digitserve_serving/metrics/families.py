"""The metrics: names, labels and buckets, and how they are written for Prometheus.

A snapshot holds plain numbers, which add up over processes. A counter or gauge has one, a histogram one for
each bucket, one for what is beyond them, and the sum.
"""

import itertools
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from digitserve_serving.metrics.drift import population_stability_index

LATENCY_S = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.002,
    0.003,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
)
BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 1.0)
INK_DENSITIES = (0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)
MODEL = ("model", "version")
LEAST_WINDOW_ROWS = 500  # with fewer, chance alone is worth a few hundredths of the score


class Kind(Enum):
    """What a family is to Prometheus."""

    COUNTER = auto()
    GAUGE = auto()
    HISTOGRAM = auto()
    DRIFT = auto()  # counts of recent rows, then as many of the rows at training time; shown as their score


class Family(NamedTuple):
    """All metrics of one name."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


CALLS = Family(
    "digitserve_calls",
    Kind.COUNTER,
    "Calls that have ended, by gRPC method and status code; a stream is one call.",
    ("method", "code"),
)
REJECTIONS = Family(
    "digitserve_rejections",
    Kind.COUNTER,
    "Calls, and requests of streams, that were answered with an error, by its reason.",
    ("reason",),
)
LATENCY = Family(
    "digitserve_request_duration_seconds",
    Kind.HISTOGRAM,
    "Seconds that answered requests (calls, or requests of a stream) took: queue, until their first batch;"
    " run, the batch they were answered with; total, from arrival to answer.",
    (*MODEL, "stage"),
    LATENCY_S,
)
BATCHES = Family("digitserve_batch_rows", Kind.HISTOGRAM, "Images computed together.", MODEL, BATCH_ROWS)
QUEUED = Family("digitserve_queued_rows", Kind.GAUGE, "Images that wait for a batch.", MODEL)
STATES = Family(
    "digitserve_model_processes",
    Kind.GAUGE,
    "Processes in which the model version is loading, ready or failed.",
    (*MODEL, "state"),
)
PREDICTIONS = Family(
    "digitserve_predictions", Kind.COUNTER, "Images answered with this digit.", (*MODEL, "digit")
)
REVIEWS = Family(
    "digitserve_needs_review",
    Kind.COUNTER,
    "Images answered with a confidence below the model's review threshold.",
    MODEL,
)
CONFIDENCE = Family(
    "digitserve_confidence", Kind.HISTOGRAM, "Confidence of the answers, 0 to 1.", MODEL, CONFIDENCES
)
INK = Family(
    "digitserve_ink_density",
    Kind.HISTOGRAM,
    "Mean of an image's pixels, from 0, paper, to 1, ink.",
    MODEL,
    INK_DENSITIES,
)
DRIFT = Family(
    "digitserve_drift_score",
    Kind.DRIFT,
    "Population stability index of recent images against those at training time; 0 is alike, from 0.25 on"
    " something has changed. Absent without a distribution in the manifest, or with too few images.",
    (*MODEL, "feature"),
)
DEFAULTS = Family(
    "digitserve_default_processes",
    Kind.GAUGE,
    "Processes in which this version answers requests that name no version of the model.",
    MODEL,
)
UNREAD = Family(
    "digitserve_repository_failures",
    Kind.COUNTER,
    "Looks at the repository in which something was unreadable.",
)
SHADOW_ANSWERS = Family(
    "digitserve_shadow_answers",
    Kind.COUNTER,
    "Images that were answered with digit, and by the shadow version with shadow_digit.",
    (*MODEL, "shadow_version", "digit", "shadow_digit"),
)
SHADOW_DROPPED = Family(
    "digitserve_shadow_dropped",
    Kind.COUNTER,
    "Images that the shadow version was to be asked about, and was not.",
    ("model",),
)
PROCESSES = Family("digitserve_processes", Kind.GAUGE, "Processes that serve and have reported.")
RESTARTS = Family("digitserve_process_restarts", Kind.COUNTER, "Processes that ended and were started again.")

FAMILIES = (
    *(CALLS, REJECTIONS, LATENCY, BATCHES, QUEUED, STATES, PREDICTIONS, REVIEWS, CONFIDENCE, INK, DRIFT),
    *(DEFAULTS, UNREAD, SHADOW_ANSWERS, SHADOW_DROPPED, PROCESSES, RESTARTS),
)
LASTING = {family.name for family in FAMILIES if family.kind in (Kind.COUNTER, Kind.HISTOGRAM)}

Key = tuple[str, tuple[str, ...]]  # name of the family, values of its labels
Snapshot = dict[Key, list[float]]


def merged(*snapshots: Snapshot) -> Snapshot:
    """The sums of several snapshots."""
    total: Snapshot = {}
    for key, values in itertools.chain.from_iterable(snapshot.items() for snapshot in snapshots):
        before = total.get(key)
        total[key] = [a + b for a, b in zip(before, values, strict=True)] if before else list(values)
    return total


def lasting(snapshot: Snapshot) -> Snapshot:
    """What stays true of a process that has ended, or a version that is unloaded: counters and histograms."""
    return {key: values for key, values in snapshot.items() if key[0] in LASTING}


def encoded(snapshot: Snapshot) -> bytes:
    """A snapshot as one line of JSON."""
    return msgspec.json.encode([(*key, values) for key, values in snapshot.items()]) + b"\n"


def decoded(line: bytes) -> Snapshot:
    """The snapshot of a line. Raises msgspec.MsgspecError, and UnicodeDecodeError within strings."""
    found = msgspec.json.decode(line, type=list[tuple[str, tuple[str, ...], list[float]]])
    return {(name, labels): values for name, labels, values in found}


def exposed(snapshot: Snapshot) -> Iterator[Metric]:
    """A snapshot as prometheus-client writes it."""
    for family in FAMILIES:
        rows = {labels: values for (name, labels), values in snapshot.items() if name == family.name}
        yield _metric(family, dict(sorted(rows.items())))


def _metric(family: Family, rows: Mapping[tuple[str, ...], list[float]]) -> Metric:
    name, kind, text, labels, bounds = family
    if kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(name, text, labels=labels)
        for key, (*counts, total) in rows.items():
            histogram.add_metric(key, _buckets(bounds, counts), sum_value=total)
        return histogram
    if kind is Kind.COUNTER:
        counter = CounterMetricFamily(name, text, labels=labels)
        for key, (value,) in rows.items():
            counter.add_metric(key, value)
        return counter
    gauge = GaugeMetricFamily(name, text, labels=labels)
    for key, values in rows.items():
        found = _drift(values) if kind is Kind.DRIFT else values[0]
        if found is not None:
            gauge.add_metric(key, found)
    return gauge


def _buckets(bounds: tuple[float, ...], counts: list[float]) -> list[tuple[str, float]]:
    names = [*map(floatToGoString, bounds), "+Inf"]
    return list(zip(names, itertools.accumulate(counts), strict=True))


def _drift(values: list[float]) -> float | None:
    """The score; None while there are too few recent rows."""
    recent, reference = values[: len(values) // 2], values[len(values) // 2 :]
    if sum(recent) < LEAST_WINDOW_ROWS:
        return None
    return population_stability_index(recent, reference)
