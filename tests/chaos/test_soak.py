"""A day's calls in minutes: what the server holds does not grow."""

import time
from pathlib import Path

import numpy as np
from digitserve_bench import h2load
from digitserve_bench.loops import ClosedLoop
from digitserve_bench.payloads import BATCH, SINGLE, batch_message, single_message
from disturbance.footprint import Footprint, footprint
from disturbance.golden import golden
from disturbance.ledger import Note
from disturbance.plan import Plan
from disturbance.tally import Tally
from scrape import METRICS, scrape
from server_process import ServerProcess

PARTS = 10  # each over new connections
IN_FLIGHT = {SINGLE: 64, BATCH: 8}
ROWS = 256  # of a batch
SECONDS = 0.5  # of our own generator, where there is no h2load
MORE = 2  # descriptors or threads, at most
NOTICED_S = 5.0  # by when the server has seen that the last connections are closed


def test_memory_descriptors_and_threads_stay(
    repository: Path, transport: str, plan: Plan, note: Note, tmp_path: Path
) -> None:
    first, last = plan.soak
    images = golden(repository).images
    messages = {SINGLE: tmp_path / "single", BATCH: tmp_path / "batch"}
    messages[SINGLE].write_bytes(single_message(images[0]))
    messages[BATCH].write_bytes(batch_message(np.resize(images, (ROWS, *images.shape[1:]))))
    with ServerProcess(repository, "--workers", "1", "--transport", transport, *METRICS) as server:

        def send(calls: int) -> None:
            """In parts; the last of each are single calls, as batches leave memory that those give back."""
            for _ in range(PARTS):
                send_until(server.port, BATCH, messages[BATCH], plan.soak_batches // PARTS)
                send_until(server.port, SINGLE, messages[SINGLE], calls // PARTS)

        send(first)
        before = footprint(server.pid)
        send(last - first)
        after = settled(server.pid, before.descriptors + MORE)
        hostile = counted(server)
        note(
            f"a soak of {last:,} calls, and batches",
            server,
            {},
            hostile=hostile,
            memory=f"{before.memory_mb:g} to {after.memory_mb:g} MB",
            descriptors=f"{before.descriptors} to {after.descriptors}",
            threads=f"{before.threads} to {after.threads}",
        )
    assert hostile.answered >= last
    assert set(hostile.failed) <= {"RESOURCE_EXHAUSTED"}, hostile
    assert after.memory_mb <= plan.soak_growth * before.memory_mb, (before, after)
    assert after.descriptors <= before.descriptors + MORE, (before, after)
    assert after.threads <= before.threads + MORE, (before, after)


def send_until(port: int, path: str, message: Path, calls: int) -> None:
    """Makes so many calls, or somewhat more."""
    if h2load.version():
        h2load.send(port, path, message, calls=calls, in_flight=IN_FLIGHT[path])
        return
    while path == SINGLE and calls > 0:  # our own generator sends no large messages
        calls -= len(ClosedLoop(port, path, message.read_bytes(), IN_FLIGHT[path]).run(SECONDS).status)


def settled(pid: int, descriptors: int) -> Footprint:
    """What it holds as soon as it has no more descriptors than that, or in the end."""
    end = time.monotonic() + NOTICED_S
    while (held := footprint(pid)).descriptors > descriptors and time.monotonic() < end:
        time.sleep(0.02)
    return held


def counted(server: ServerProcess) -> Tally:
    """What became of all calls, as the server's own metrics say."""
    tally = Tally()
    for labels, value in scrape(server).samples["digitserve_calls_total"]:
        if labels["code"] == "OK":
            tally.answered += int(value)
        elif value:
            tally.fails(labels["code"], int(value))
    return tally
