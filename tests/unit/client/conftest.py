"""A fake server, and a client of each kind to call it."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from digitserve_client import AsyncDigitClient, DigitClient
from unit.client.driver import Driver
from unit.client.fake_server import FakeServer

CLIENTS: dict[str, type[DigitClient] | type[AsyncDigitClient]] = {
    "sync": DigitClient,
    "async": AsyncDigitClient,
}
Connect = Callable[..., Driver]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture(params=CLIENTS)
async def connect(request: pytest.FixtureRequest, server: FakeServer) -> AsyncIterator[Connect]:
    """Makes clients, of the server unless told otherwise."""
    drivers: list[Driver] = []

    def connect(target: str = server.target, **options: Any) -> Driver:
        drivers.append(Driver(CLIENTS[request.param](target, **options)))
        return drivers[-1]

    yield connect
    for driver in drivers:
        await driver.close()


@pytest.fixture
def client(connect: Connect) -> Driver:
    """A client of the server, with generous time."""
    return connect(timeout_s=20)
