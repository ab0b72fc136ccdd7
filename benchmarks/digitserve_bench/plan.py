"""How much is measured: everything bounded, in time and in count."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
IN_FLIGHT = (1, 16, 64)  # single-image calls under way at once
BATCH_ROWS = 256
BATCHES_IN_FLIGHT = 4
LOAD_PERCENT = (50, 80, 120, 300)  # of the peak, open loop
CALM_PERCENT = 50  # what comes after the overload, to see the recovery
FLOOR_BATCHES = (1, 32, 128, 256)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run of the benchmark.

    repetitions: of everything; what is reported is their median. closed_s, open_s, calm_s, floor_s: seconds
    of one closed loop, of one open loop, of the calm after an overload, of one floor. images: that the
    Python client classifies in one go. soak_calls: after so many calls of a fresh server its memory is read;
    empty for not at all. checked: images whose answers are compared with onnxruntime's, in each round.
    """

    repetitions: int
    closed_s: float
    open_s: float
    calm_s: float
    floor_s: float
    images: int
    checked: int
    soak_calls: tuple[int, ...] = ()
    models: Path = ROOT / "models"


FULL = Plan(repetitions=3, closed_s=2.0, open_s=3.0, calm_s=2.0, floor_s=0.5, images=100_000, checked=300)
QUICK = Plan(repetitions=1, closed_s=0.7, open_s=1.0, calm_s=1.0, floor_s=0.2, images=20_000, checked=100)
SOAK_CALLS = (10_000, 1_000_000)
