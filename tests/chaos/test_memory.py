"""The memory that a server may have is used up while our clients call."""

import contextlib
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from disturbance.crowd import Crowd
from disturbance.ledger import Note
from disturbance.tally import Tally
from server_in_process import free_port
from server_process import ServerProcess
from wire import batch

SHORT = ("native",)  # transports
LARGEST = batch(bytes(784 * 4096), probabilities=True)
CALLS, AT_ONCE = 64, 16
SPARE_BYTES = 4_000_000  # that the server may have beyond what it has


@contextlib.contextmanager
def limited(pid: int) -> Iterator[None]:
    """The process gets hardly any more address space than it has, while the block runs."""
    has = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (has + SPARE_BYTES, before[1]))
    yield
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_AS, before)


def ask_for_much(target: str) -> Tally:
    """The largest calls there are, many at once."""
    tally = Tally()
    with grpc.insecure_channel(target) as channel, ThreadPoolExecutor(AT_ONCE) as pool:
        stub = digits_grpc.DigitServiceStub(channel)
        for answer in [pool.submit(stub.BatchClassifyImages, LARGEST, timeout=20) for _ in range(CALLS)]:
            error: Any = answer.exception()
            if error:
                tally.fails(error.code().name)
            else:
                tally.answered += 1
    return tally


def test_a_server_without_memory_ends_or_goes_on(repository: Path, transport: str, note: Note) -> None:
    hostile, ended = Tally(), ""
    server = ServerProcess(repository, "--workers", "1", "--transport", transport, port=free_port())

    def disturb() -> None:
        nonlocal hostile, ended
        with limited(server.pid):
            hostile = ask_for_much(server.target)
        if server.exit_code is not None:
            ended = f"ended with {server.exit_code}, started again"
            server.start_again()

    with server:
        with Crowd(server.target, repository) as crowd:
            tallies = crowd.during(disturb)
        note(
            f"{CALLS} of the largest calls with {SPARE_BYTES // 10**6} MB of address space left",
            server,
            tallies,
            hostile=hostile,
            may_fail=("INTERNAL", "UNKNOWN", "INVALID_ARGUMENT"),
            process=ended or "went on",
        )
