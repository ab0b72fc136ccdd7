"""The Open Inference Protocol, asked of any server:

    pytest tests/contract/oip --target host:port --model NAME

Without a target, our own server is started, once with each transport.
"""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from digitserve_serving.settings import TRANSPORTS
from oip_client import OipClient
from server_process import ServerProcess
from tiny_model import write_tiny_model

LARGEST_MESSAGE = 1 << 24


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("Open Inference Protocol")
    group.addoption("--target", help="host:port of a server to test")
    group.addoption("--model", help="name of a model that the server has ready")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        # None where the whole suite is run, which has read its options before it came here.
        target = metafunc.config.getoption("--target", None)
        metafunc.parametrize("target", [target] if target else TRANSPORTS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server: that which was given, or our own with the transport of this name."""
    if request.param not in TRANSPORTS:
        yield request.param
        return
    repository: Path = tmp_path_factory.mktemp("models")
    write_tiny_model(repository)
    with ServerProcess(repository, "--transport", request.param) as server:
        yield server.target


@pytest.fixture
def client(target: str, request: pytest.FixtureRequest) -> Iterator[OipClient]:
    """A client of the server, for the model that was named."""
    name = request.config.getoption("--model", None) or "digits"
    options = [("grpc.max_receive_message_length", LARGEST_MESSAGE)]
    with grpc.insecure_channel(target, options=options) as channel:
        yield OipClient(channel, name)
