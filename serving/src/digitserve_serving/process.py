"""A process that serves: how it holds its memory, its event loop."""

import asyncio
import importlib
import sys
from collections.abc import Coroutine
from typing import Any, cast

from digitserve_serving.memory import return_freed_blocks
from digitserve_serving.tracing.environment import traced_as_configured

# Python's default of 5 ms is longer than it takes to compute a batch, and to answer it.
SWITCH_INTERVAL_S = 0.001


def run(life: Coroutine[Any, Any, None]) -> None:
    """Runs a server's life to its end; raises what it raises."""
    return_freed_blocks()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with traced_as_configured(), asyncio.Runner(loop_factory=_new_event_loop) as runner:
        runner.run(life)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """That of uvloop where it is installed: a call over grpcio then costs a tenth less."""
    try:
        return cast("asyncio.AbstractEventLoop", importlib.import_module("uvloop").new_event_loop())
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
