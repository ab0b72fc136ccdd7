"""What one load on one target gave."""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Latencies(msgspec.Struct, frozen=True):
    """Percentiles, in milliseconds; 0 when there was nothing to measure."""

    p50_ms: float = 0.0
    p90_ms: float = 0.0
    p99_ms: float = 0.0
    p999_ms: float = 0.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a load generator saw.

    seconds: how long the load lasted. answered: calls that came back with an answer within that time.
    errors: the other calls, by gRPC status or by what else happened to them. latencies: of the answered.
    refusals: latencies of those refused with RESOURCE_EXHAUSTED. lateness: how much later than intended
    an open loop sent its calls. recovery_s: after an overload, seconds until calls were answered as in the
    calm. whole_s, whole_answered: the same as seconds and answered, and beyond them the calm after an
    overload. generator_cpu_s: CPU time that the generator used itself in all of this.
    """

    seconds: float
    answered: int
    errors: dict[str, int]
    latencies: Latencies
    whole_s: float
    whole_answered: int
    generator_cpu_s: float
    offered_per_s: float = 0.0
    refusals: Latencies = Latencies()
    lateness: Latencies = Latencies()
    recovery_s: float | None = None


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One load on one target: once, or the median of several times.

    server_cpu_s: CPU time that the target used meanwhile. rss_mb: resident memory of its largest process
    afterwards. generator: what made the load.
    """

    target: str
    load: str
    generator: str
    images_per_call: int
    seen: Load
    server_cpu_s: float
    rss_mb: float

    @property
    def calls_per_s(self) -> float:
        """Answered calls per second."""
        return self.seen.answered / self.seen.seconds

    @property
    def images_per_s(self) -> float:
        """Images of answered calls per second."""
        return self.calls_per_s * self.images_per_call

    @property
    def server_us_per_image(self) -> float:
        """CPU time of the server for one image, in microseconds."""
        return self.server_cpu_s * 1e6 / max(1, self.seen.whole_answered * self.images_per_call)

    def generator_share(self, cores: int) -> float:
        """The part of the machine's CPU time that the load generator took, 0 to 1."""
        return self.seen.generator_cpu_s / (self.seen.whole_s * cores)


def percentiles(seconds: Sequence[float] | Floats) -> Latencies:
    """The percentiles of some durations in seconds."""
    if len(seconds) == 0:
        return Latencies()
    values = np.percentile(np.asarray(seconds), (50, 90, 99, 99.9)) * 1e3
    return Latencies(*(round(float(value), 4) for value in values))
