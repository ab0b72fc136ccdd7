import os
import socket
from collections.abc import Iterator
from itertools import permutations

import pytest
from digitserve_serving.access.connections import Connections, peer_of
from digitserve_serving.settings import Settings


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
