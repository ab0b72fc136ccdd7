"""Servers on the tiny model, and a gate in front of it."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from digitserve_serving import awaiting, runtime
from digitserve_serving.settings import TRANSPORTS
from gate import Gate
from operating import POLL_S
from server_in_process import Serving, serving_in_process


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn: what callers notice is the same with all of them."""
    return str(request.param)


@pytest.fixture
def serving(repository: Path, transport: str) -> Serving:
    """`async with serving(max_queue_rows=8) as channel:` a server of the tiny model."""
    return partial(serving_in_process, models=repository, transport=transport)


@pytest.fixture
def watching(serving: Serving) -> Serving:
    """A server that looks at its repository often."""

    def start(**settings: Any) -> Any:
        return serving(repository_poll_s=POLL_S, **settings)

    return start


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate in front of every model that is loaded from now on; open, until a test shuts it."""
    gate = Gate(is_open=True)
    monkeypatch.setattr(runtime.OnnxModel, "run", lambda _model, images: gate.run(images))
    # The event loop computes lone images itself when that is quick, and the test runs in the same loop.
    monkeypatch.setattr(awaiting, "SHORT_S", 0.0)
    return gate
