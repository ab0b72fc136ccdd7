"""How much is done to a server."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run of the chaos tests.

    callers: processes of each client. restarts: of each process. stopped_s: seconds of SIGSTOP. messages:
    malformed ones, over all methods. connections, streams: of each kind that misbehaves. slow: streams that
    are not read. soak: after so many calls memory, descriptors and threads are read; soak_batches: that
    come before and again meanwhile; soak_growth: of the memory, at most, as a factor.
    """

    callers: int
    restarts: int
    stopped_s: float
    messages: int
    connections: int
    streams: int
    slow: int
    soak: tuple[int, int]
    soak_batches: int
    soak_growth: float


SHORT = Plan(
    callers=1,
    restarts=1,
    stopped_s=0.5,
    messages=1_700,
    connections=60,
    streams=500,
    slow=4,
    soak=(1_000, 5_000),
    soak_batches=160,
    soak_growth=1.15,
)
LONG = Plan(
    callers=2,
    restarts=3,
    stopped_s=5.0,
    messages=100_000,
    connections=2_000,
    streams=10_000,
    slow=32,
    soak=(10_000, 1_000_000),
    soak_batches=400,
    soak_growth=1.05,
)
