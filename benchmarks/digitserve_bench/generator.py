"""Our own load generator for single calls, closed and open loops; a process that is given an Order."""

import gc
import time
from pathlib import Path

from digitserve_bench.arrivals import poisson
from digitserve_bench.loops import ClosedLoop, OpenLoop
from digitserve_bench.measurement import Load
from digitserve_bench.orders import Order, given, reply
from digitserve_bench.summary import closed_load, open_load

DRAIN_S = 5.0  # what is not back by then hangs


def load(order: Order) -> Load:
    """Carries out an order."""
    message = Path(order.message).read_bytes()
    gc.disable()  # its pauses would look like the server's
    if order.phases:
        due = poisson(order.phases, order.seed)
        loop = OpenLoop(order.port, order.path, message, due)
        started, used_s = time.perf_counter(), time.process_time()
        journal = loop.run(DRAIN_S)
        whole_s = time.perf_counter() - started
        return open_load(journal, order.seconds, whole_s, time.process_time() - used_s)
    closed = ClosedLoop(order.port, order.path, message, order.in_flight)
    used_s = time.process_time()
    return closed_load(closed.run(order.seconds), order.seconds, time.process_time() - used_s)


if __name__ == "__main__":
    reply(load(given(Order)))
