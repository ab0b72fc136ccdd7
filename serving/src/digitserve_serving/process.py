"""What every process that serves sets up: its memory, its limits, its event loop."""

import asyncio
import contextlib
import resource
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from digitserve_serving.memory import return_freed_blocks
from digitserve_serving.tracing.environment import traced_as_configured

# Python's default of 5 ms is longer than it takes to compute a batch, and to answer it.
SWITCH_INTERVAL_S = 0.001


def run(life: Coroutine[Any, Any, None]) -> None:
    """Runs a server's life to its end; raises what it raises."""
    return_freed_blocks()
    _allow_descriptors()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # A small call over grpcio costs a tenth less than with asyncio's own loop.
    with traced_as_configured(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(life)


def _allow_descriptors() -> None:
    """As many as a process may have here: each connection is one, and many systems begin with 1,024."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError):  # macOS says that there is no limit, and has one
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
