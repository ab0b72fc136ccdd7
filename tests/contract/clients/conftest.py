"""A server of the tiny model for clients that were not written here, once with each transport."""

from collections.abc import Iterator

import pytest
from digitserve_serving.settings import TRANSPORTS
from server_process import ServerProcess
from tiny_model import write_tiny_model


@pytest.fixture(scope="module", params=TRANSPORTS)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server."""
    repository = tmp_path_factory.mktemp("models")
    write_tiny_model(repository)
    with ServerProcess(repository, "--transport", request.param) as server:
        yield server.target
