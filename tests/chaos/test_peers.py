"""Clients that send halves, hang up, abandon their calls or never read, while ours call."""

import contextlib
import re
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import grpc
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve_bench.processes import largest_rss_mb
from digitserve_client import DigitClient
from disturbance import peers
from disturbance.crowd import Crowd
from disturbance.ledger import Note
from disturbance.plan import Plan
from server_process import ServerProcess

ROWS = 4096
# Each answer is more than what a peer takes unread.
LARGEST = digits_pb2.StreamClassifyImagesRequest(pixels=bytes(784 * ROWS), include_probabilities=True)
REQUESTS = 32
SMALL_WINDOW = [("grpc.http2.bdp_probe", 0)]  # else it grows until all answers fit in
ONGOING_CALLS = 100


def test_peers_that_misbehave(repository: Path, transport: str, plan: Plan, note: Note) -> None:
    acts = {
        "connections with half a call": (peers.half_sent, plan.connections),
        "connections reset right after a call": (peers.reset, plan.connections),
        "connections that send noise": (peers.garbage, plan.connections),
        "calls that are abandoned or cancelled": (peers.abandoned, plan.streams),
        "calls of which no answer is taken": (peers.unread, plan.streams),
    }
    with (
        ServerProcess(repository, "--workers", "1", "--transport", transport) as server,
        Crowd(server.target, repository) as crowd,
    ):
        for what, (act, number) in acts.items():
            tallies = crowd.during(partial(act, server.port, number))
            note(f"{number:,} {what}", server, tallies)
        memory_mb: list[float] = []
        tallies = crowd.during(partial(slow_readers, server, plan.slow, memory_mb))
        note(
            f"{plan.slow} streams that are filled, but not read",
            server,
            tallies,
            memory=f"{memory_mb[0]:.0f} MB",
        )
    # grpcio logs a traceback of its own where a peer hangs up just when it is answered.
    assert not re.findall('.*"(?:error|critical)", "logger": "digitserve.*', server.log)


def slow_readers(server: ServerProcess, number: int, memory_mb: list[float]) -> None:
    """Streams with more requests than anybody takes, of whose answers only the first is read."""
    with contextlib.ExitStack() as stack, DigitClient(server.target, timeout_s=30) as client:
        channel = stack.enter_context(grpc.insecure_channel(server.target, options=SMALL_WINDOW))
        for _ in range(number):
            requests = repeat(LARGEST, REQUESTS)
            call: Any = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(requests, timeout=60)
            stack.callback(call.cancel)
            assert len(next(call).classifications.digits) == ROWS
        for _ in range(ONGOING_CALLS):
            client.health()
        memory_mb.append(largest_rss_mb(server.pid))
