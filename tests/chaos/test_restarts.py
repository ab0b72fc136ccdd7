"""Processes that are killed, restarted and stopped while both of our clients call: no call fails."""

import os
import signal
import time
from functools import partial
from pathlib import Path

from disturbance.crowd import Crowd
from disturbance.ledger import Note
from disturbance.plan import Plan
from server_in_process import free_port
from server_process import ServerProcess

SHORT = ("native",)  # transports; grpcio's restarts are tested elsewhere, too
WORKERS = 2
SERVES = r"worker \d \(process (\d+)\) serves"
ENDINGS = {"kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM}


def one_by_one(server: ServerProcess, number: signal.Signals, times: int) -> None:
    """Sends a signal to whichever worker has served longest, and waits for its successor."""
    for _ in range(times * WORKERS):
        serving = server.logged(SERVES, times=WORKERS)
        os.kill(int(serving[-WORKERS]), number)
        server.logged(SERVES, times=len(serving) + 1)


def paused(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def restarted(server: ServerProcess, number: signal.Signals, times: int) -> None:
    """Ends a server and starts it again on its port, so many times."""
    for _ in range(times):
        server.send(number)
        assert server.wait() == (0 if number is signal.SIGTERM else -number)
        server.start_again()


def test_workers(repository: Path, transport: str, plan: Plan, note: Note) -> None:
    flags = ("--workers", str(WORKERS), "--transport", transport)
    server = ServerProcess(repository, *flags, port=free_port())
    noted = partial(note, server=server, processes=WORKERS)
    with server, Crowd(server.target, repository, processes=plan.callers) as crowd:
        for name, number in ENDINGS.items():
            tallies = crowd.during(partial(one_by_one, server, number, plan.restarts))
            noted(f"{name} of each worker in turn, {plan.restarts} times", crowd=tallies)
        victim = int(server.logged(SERVES)[-WORKERS])  # has the connections of those that have gone
        tallies = crowd.during(partial(paused, victim, plan.stopped_s))
        noted(f"SIGSTOP of one worker for {plan.stopped_s:g} s", crowd=tallies)
        tallies = crowd.during(partial(restarted, server, signal.SIGTERM, 1))
        noted("SIGTERM of the supervisor, and a new one on the port", crowd=tallies)


def test_one_process(repository: Path, transport: str, plan: Plan, note: Note) -> None:
    server = ServerProcess(repository, "--workers", "1", "--transport", transport, port=free_port())
    with server, Crowd(server.target, repository) as crowd:
        for name, number in ENDINGS.items():
            tallies = crowd.during(partial(restarted, server, number, plan.restarts))
            note(f"{name} and a new start on the port, {plan.restarts} times", server, tallies)
        tallies = crowd.during(partial(paused, server.pid, plan.stopped_s))
        note(f"SIGSTOP for {plan.stopped_s:g} s", server, tallies)
