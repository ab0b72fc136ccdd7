"""What the load generators are told. They run as processes of their own, so that their cost can be told."""

import subprocess
import sys
from typing import TypeVar

import msgspec

from digitserve_bench.arrivals import Phase
from digitserve_bench.processes import environment, module

TIMEOUT_S = 600.0  # for a generator that hangs; each ends by itself much earlier


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One load.

    port: of the target on 127.0.0.1. path: of the method. message: the file of the request in gRPC's frame.
    in_flight: calls under way at once, for `seconds`; or else phases: those of an open loop. seed: of the
    moments at which its calls are due.
    """

    port: int
    path: str
    message: str
    seconds: float
    in_flight: int = 0
    phases: list[Phase] = []
    seed: int = 0


Answer = TypeVar("Answer", bound=msgspec.Struct)


def carry_out(name: str, order: msgspec.Struct, answer: type[Answer]) -> Answer:
    """Runs a generator and returns what it saw; raises CalledProcessError and TimeoutExpired."""
    done = subprocess.run(  # noqa: S603  # our own module
        module(name, msgspec.json.encode(order).decode()),
        check=True,
        stdout=subprocess.PIPE,
        env=environment(),
        timeout=TIMEOUT_S,
    )
    return msgspec.json.decode(done.stdout, type=answer)


Given = TypeVar("Given", bound=msgspec.Struct)


def given(order: type[Given]) -> Given:
    """The order that this process was started with."""
    return msgspec.json.decode(sys.argv[1], type=order)


def reply(answer: msgspec.Struct) -> None:
    """Tells what was seen to the process that gave the order."""
    sys.stdout.buffer.write(msgspec.json.encode(answer))
