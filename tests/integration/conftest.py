"""Servers on the tiny model, and a gate in front of it."""

from functools import partial
from pathlib import Path

import pytest
from digitserve_serving import runtime
from gate import Gate
from server_in_process import Serving, serving_in_process


@pytest.fixture
def serving(repository: Path) -> Serving:
    """`async with serving(max_queue_rows=8) as channel:` a server of the tiny model."""
    return partial(serving_in_process, models=repository)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate in front of every model that is loaded from now on; open, until a test shuts it."""
    gate = Gate(is_open=True)
    monkeypatch.setattr(runtime.OnnxModel, "run", lambda _model, images: gate.run(images))
    return gate
