"""The supervisor, with workers that are a few lines of Python."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from digitserve_serving import supervisor
from digitserve_serving.arrangement import Arrangement, arrangement
from digitserve_serving.reservation import reserved
from digitserve_serving.settings import Settings
from digitserve_serving.supervisor import LONGEST_DELAY_S, Backoff, Supervisor, WorkersFailed
from digitserve_serving.transport import TransportError

PATIENCE_S = 20.0

GOOD = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("serving", flush=True)
signal.sigwait({signal.SIGTERM})
"""
ASKED_TWICE = """
import pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("serving", flush=True)
for _ in range(2):
    signal.sigwait({signal.SIGTERM})
    pathlib.Path(sys.argv[1]).write_text("asked")
"""
DEAF = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("serving", flush=True)
signal.pause()
"""
BABBLING = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("serving", flush=True)
sys.stdout.buffer.write(eval(sys.argv[1]))
sys.stdout.flush()
signal.sigwait({signal.SIGTERM})
"""
BROKEN = "raise SystemExit(3)"


def supervised(
    script: str, on_serving: Callable[[], None], stop: asyncio.Queue[None], workers: int = 2
) -> Supervisor:
    return Supervisor([sys.executable, "-c", script], workers, on_serving, stop)


async def until_logged(pattern: str, caplog: pytest.LogCaptureFixture, times: int = 1) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(re.findall(pattern, caplog.text)) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_it_tells_when_all_serve_and_ends_when_all_have_ended() -> None:
    stop, serving = asyncio.Queue[None](), asyncio.Event()
    life = asyncio.create_task(supervised(GOOD, serving.set, stop).run(PATIENCE_S))
    await asyncio.wait_for(serving.wait(), PATIENCE_S)
    stop.put_nowait(None)
    await asyncio.wait_for(life, PATIENCE_S)


async def test_a_second_stop_is_passed_on(tmp_path: Path) -> None:
    os.mkfifo(asked := tmp_path / "asked")
    stop, serving = asyncio.Queue[None](), asyncio.Event()
    patient = Supervisor([sys.executable, "-c", ASKED_TWICE, str(asked)], 1, serving.set, stop)
    life = asyncio.create_task(patient.run(PATIENCE_S))
    await asyncio.wait_for(serving.wait(), PATIENCE_S)
    for _ in range(2):
        stop.put_nowait(None)
        assert await asyncio.to_thread(asked.read_text) == "asked"
    await asyncio.wait_for(life, PATIENCE_S)


async def test_a_worker_that_does_not_end_is_ended() -> None:
    stop, serving = asyncio.Queue[None](), asyncio.Event()
    life = asyncio.create_task(supervised(DEAF, serving.set, stop).run(0.1))
    await asyncio.wait_for(serving.wait(), PATIENCE_S)
    stop.put_nowait(None)
    with pytest.raises(WorkersFailed, match=r"worker \d ended with exit code -9; worker \d"):
        await asyncio.wait_for(life, PATIENCE_S)


async def test_a_worker_that_never_starts_ends_all_of_them() -> None:
    broken = supervised(BROKEN, lambda: None, asyncio.Queue())
    with pytest.raises(WorkersFailed, match=r"worker \d .* exit code 3 before all of them had started"):
        await asyncio.wait_for(broken.run(PATIENCE_S), PATIENCE_S)


async def test_a_command_that_is_none_ends_all_of_them() -> None:
    nothing = Supervisor(["/nowhere/python"], 2, lambda: None, asyncio.Queue())
    with pytest.raises(WorkersFailed, match="could not be started"):
        await asyncio.wait_for(nothing.run(PATIENCE_S), PATIENCE_S)


async def test_a_worker_that_ends_is_started_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 0.01)
    stop, serving = asyncio.Queue[None](), asyncio.Event()
    life = asyncio.create_task(supervised(GOOD, serving.set, stop).run(PATIENCE_S))
    await asyncio.wait_for(serving.wait(), PATIENCE_S)
    victim = int(re.findall(r"worker 1 \(process (\d+)\) serves", caplog.text)[0])
    os.kill(victim, signal.SIGKILL)
    await until_logged(r"worker 1 \(process \d+\) serves", caplog, times=2)
    stop.put_nowait(None)
    await asyncio.wait_for(life, PATIENCE_S)
    assert f"worker 1 (process {victim}) ended with exit code -9; it is started again in 0.0 s" in caplog.text


@pytest.mark.parametrize("words", [b"a banner\n", b'[["caf\xe9", [], [1]]]\n', b"x" * 10_000 + b"\n"])
async def test_a_worker_that_babbles_goes_on(
    words: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(supervisor, "LONGEST_LINE_BYTES", 1000)
    stop = asyncio.Queue[None]()
    babbler = Supervisor([sys.executable, "-c", BABBLING, repr(words)], 1, lambda: None, stop)
    life = asyncio.create_task(babbler.run(PATIENCE_S))
    await until_logged("worker 1 wrote a line that is no report", caplog)
    stop.put_nowait(None)
    await asyncio.wait_for(life, PATIENCE_S)
    assert "started again" not in caplog.text


async def test_a_worker_that_cannot_be_listened_to_is_started_again_and_no_other_is(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_listens() -> None:
        raise BrokenPipeError

    caplog.set_level("INFO")
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 0.01)
    stop = asyncio.Queue[None]()
    life = asyncio.create_task(supervised(GOOD, nobody_listens, stop).run(PATIENCE_S))
    await until_logged(r"worker \d \(process \d+\) serves", caplog, times=3)
    stop.put_nowait(None)
    await asyncio.wait_for(life, PATIENCE_S)
    assert len(re.findall(r"worker \d .* is started again", caplog.text)) == 1


def test_waits_double_up_to_a_bound_and_start_anew_once_a_worker_has_held() -> None:
    backoff = Backoff()
    waits = [backoff.delay_s(fine=False) for _ in range(12)]
    assert waits[:4] == [0.1, 0.2, 0.4, 0.8]
    assert waits[-1] == LONGEST_DELAY_S
    assert backoff.delay_s(fine=True) == 0.1


async def test_workers_that_end_as_they_are_told_do_not_make_the_next_wait_longer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 0.2)
    stop, serving = asyncio.Queue[None](), asyncio.Event()
    life = asyncio.create_task(supervised(GOOD, serving.set, stop, workers=1).run(PATIENCE_S))
    await asyncio.wait_for(serving.wait(), PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        for restarts in range(3):
            while len(found := re.findall(r"worker 1 \(process (\d+)\) serves", caplog.text)) <= restarts:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            os.kill(int(found[-1]), signal.SIGTERM)
        while caplog.text.count("started again") < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    stop.put_nowait(None)
    await asyncio.wait_for(life, PATIENCE_S)
    assert re.findall(r"it is started again in ([\d.]+) s", caplog.text) == ["0.2"] * 3


@pytest.mark.parametrize(
    ("cores", "workers", "threads", "arranged"),
    [
        (1, 0, 0, Arrangement(1, 1)),
        (2, 0, 0, Arrangement(1, 2)),
        (3, 0, 0, Arrangement(1, 3)),
        (4, 0, 0, Arrangement(2, 2)),
        (9, 0, 0, Arrangement(4, 3)),
        (2, 2, 0, Arrangement(2, 1)),
        (2, 3, 0, Arrangement(3, 1)),
        (2, 0, 1, Arrangement(1, 1)),
        (8, 1, 0, Arrangement(1, 8)),
    ],
)
def test_what_suits_so_many_cores(
    cores: int, workers: int, threads: int, arranged: Arrangement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert arrangement(Settings(workers=workers, intra_op_threads=threads), cores) == arranged


def test_where_ports_are_not_shared_one_process_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert arrangement(Settings(), 8) == Arrangement(1, 8)


def sharing(port: int) -> socket.socket:
    """A socket as a worker has it."""
    worker = socket.socket()
    worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    worker.bind(("127.0.0.1", port))
    return worker


def test_a_reserved_address_is_for_workers_and_for_no_other_supervisor() -> None:
    with reserved("127.0.0.1", 0) as port:
        with sharing(port) as first, sharing(port) as second:
            first.listen()
            second.listen()
        for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104  # that is what may be told
            with pytest.raises(TransportError, match=f"cannot listen on {host}:{port}"), reserved(host, port):
                pass
    with reserved("127.0.0.1", port) as again:
        assert again == port


def test_a_name_is_reserved_with_each_of_its_addresses() -> None:
    with reserved("localhost", 0) as port, pytest.raises(TransportError), reserved("127.0.0.1", port):
        pass


@pytest.mark.parametrize("host", ["192.0.2.1", "nobody.invalid"])
def test_what_is_no_address_of_this_machine_cannot_be_reserved(host: str) -> None:
    with pytest.raises(TransportError, match=f"cannot listen on {host}:7"), reserved(host, 7):
        pass
