"""From the journal of a loop to the figures of its load."""

from collections import Counter

import grpc
import numpy as np
import numpy.typing as npt

from digitserve_bench.connection import LOST
from digitserve_bench.loops import UNANSWERED, Journal
from digitserve_bench.measurement import Load, percentiles

OK = grpc.StatusCode.OK.value[0]
REFUSED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
NAMES = {code.value[0]: code.name for code in grpc.StatusCode} | {
    LOST: "CONNECTION_LOST",
    UNANSWERED: "HUNG",
}
SLOW_S = 0.05  # in the calm a call takes a few milliseconds
SLICE_S = 0.1

Chosen = npt.NDArray[np.bool_]


def closed_load(journal: Journal, seconds: float, generator_cpu_s: float) -> Load:
    """What a closed loop of `seconds` saw."""
    answered = int((journal.status == OK).sum())
    return Load(
        seconds=seconds,
        answered=answered,
        whole_s=seconds,
        whole_answered=answered,
        errors=_errors(journal.status),
        latencies=percentiles((journal.ended - journal.due)[journal.status == OK]),
        generator_cpu_s=generator_cpu_s,
    )


def open_load(journal: Journal, seconds: float, whole_s: float, generator_cpu_s: float) -> Load:
    """What an open loop saw of the calls due in its first `seconds`; what came later shows the recovery.

    Latencies count from the moment a call was due: one that had to wait to be sent is late all the same.
    Answered are the calls whose answer came within the `seconds`.
    """
    first = journal.due < seconds
    took = journal.ended - journal.due
    answered = journal.status == OK
    return Load(
        seconds=seconds,
        answered=int((answered & (journal.ended < seconds)).sum()),
        errors=_errors(journal.status[first]),
        latencies=percentiles(took[first & answered]),
        whole_s=whole_s,
        whole_answered=int(answered.sum()),
        generator_cpu_s=generator_cpu_s,
        offered_per_s=float(first.sum() / seconds),
        refusals=percentiles(took[first & (journal.status == REFUSED)]),
        lateness=percentiles((journal.sent - journal.due)[first & ~np.isnan(journal.sent)]),
        recovery_s=None if first.all() else _recovery_s(journal, seconds),
    )


def _errors(status: npt.NDArray[np.int64]) -> dict[str, int]:
    found = Counter(NAMES[code] for code in status.tolist() if code != OK)
    return dict(found.most_common())


def _recovery_s(journal: Journal, start: float) -> float:
    """Seconds after `start` from which on no tenth of a second has an error or is mostly slow."""
    after = journal.due >= start
    slices = ((journal.due[after] - start) / SLICE_S).astype(int)
    took = (journal.ended - journal.due)[after]
    good = journal.status[after] == OK
    bad = [number for number in range(slices.max() + 1) if _is_bad(took, good, slices == number)]
    return (max(bad) + 1) * SLICE_S if bad else 0.0


def _is_bad(took: npt.NDArray[np.float64], good: Chosen, chosen: Chosen) -> bool:
    return bool(chosen.any() and (not good[chosen].all() or np.median(took[chosen]) > SLOW_S))
