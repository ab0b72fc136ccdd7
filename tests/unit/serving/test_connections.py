import asyncio
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations

import pytest
from digitserve_serving.access import connections
from digitserve_serving.access.connections import Connections, bounded_connections, peer_of
from digitserve_serving.settings import Settings

PATIENCE_S = 20.0


@pytest.fixture
def cpus() -> Iterator[set[int]]:
    """Those that the test may run on; it may choose among them."""
    allowed = os.sched_getaffinity(0)
    yield allowed
    os.sched_setaffinity(0, allowed)


def test_who_came_first_stays(cpus: set[int]) -> None:
    """Also where the system counts inodes on each processor by itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        connections = Connections(port, Settings(max_connections_per_peer=1))
        for order in permutations((min(cpus), max(cpus))):
            pairs = []
            for cpu in order:
                os.sched_setaffinity(0, {cpu})
                pairs.append((socket.create_connection(("127.0.0.1", port)), listener.accept()[0]))
                connections.look()
            (first, _), (second, _) = pairs
            first.settimeout(0)
            with pytest.raises(BlockingIOError):
                first.recv(1)
            assert second.recv(1) == b""
            for each in (*pairs[0], *pairs[1]):
                each.close()


@contextmanager
def no_descriptors() -> Iterator[None]:
    """While it lasts, this process gets no more of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_it_looks_again_once_there_are_descriptors(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(connections, "SILENT_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as silent, listener.accept()[0]:
            with no_descriptors():
                looking = bounded_connections(port, Settings())
                await looking.__aenter__()
                async with asyncio.timeout(PATIENCE_S):
                    while "Too many open files" not in caplog.text:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                await asyncio.sleep(0.1)
            assert await asyncio.to_thread(silent.recv, 1) == b""
            await looking.__aexit__(None, None, None)
    assert caplog.text.count("the connections cannot be looked at") == 1, "not one for each look"


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),  # as a socket for both kinds writes it
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_who_counts_as_one_peer(address: str, peer: str) -> None:
    assert peer_of(address) == peer
