"""Servers on the tiny model and on the bundled ones, and a gate in front of the tiny one."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from administration import TOKEN, tokens_file
from digitserve_client import DigitClient
from digitserve_serving import awaiting, runtime
from digitserve_serving.settings import TRANSPORTS
from gate import Gate, Loading
from operating import POLL_S
from server_in_process import Serving, serving_in_process
from server_process import ServerProcess


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn: what callers notice is the same with all of them."""
    return str(request.param)


@pytest.fixture(scope="session")
def bundled(bundled_models: Path) -> Iterator[str]:
    """Where a server with the bundled models listens."""
    with ServerProcess(bundled_models) as server:
        yield server.target


@pytest.fixture(scope="module")
def client(bundled: str) -> Iterator[DigitClient]:
    """A client of that server, with time to read pages."""
    with DigitClient(bundled, timeout_s=60) as client:
        yield client


@pytest.fixture
def serving(repository: Path, transport: str) -> Serving:
    """`async with serving(max_queue_rows=8) as channel:` a server of the tiny model."""
    return partial(serving_in_process, models=repository, transport=transport)


@pytest.fixture
def administered(serving: Serving, tmp_path: Path) -> Serving:
    """A server that takes admin calls, and a channel that may send them."""
    return partial(serving, admin=True, tokens_file=tokens_file(tmp_path), token=TOKEN)


@pytest.fixture
def watching(administered: Serving) -> Serving:
    """As administered, and it looks at its repository often."""
    return partial(administered, repository_poll_s=POLL_S)


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Loading:
    """Holds up whatever is loaded from now on."""
    loading = Loading()
    monkeypatch.setattr("digitserve_serving.loading.load_verified", loading.load)
    return loading


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate in front of every model that is loaded from now on; open, until a test shuts it."""
    gate = Gate(is_open=True)
    monkeypatch.setattr(runtime.OnnxModel, "run", lambda _model, images: gate.run(images))
    # The event loop computes lone images itself when that is quick, and the test runs in the same loop.
    monkeypatch.setattr(awaiting, "SHORT_S", 0.0)
    return gate
