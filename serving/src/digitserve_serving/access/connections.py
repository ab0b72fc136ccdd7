"""Ends the connections that one peer has too many of, and those that never say anything.

Neither grpcio nor pygrpc-native lets anybody decide on a connection. But each is a descriptor of this
process: so they are looked at every half second, and one that is unwanted is shut down through a duplicate
of it, which its owner takes for a peer that hangs up. Needs Linux; elsewhere nothing is ended.
"""

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from digitserve_serving.settings import Settings

LOOK_EVERY_S = 0.5
LARGEST_SHARE = 0.02  # of the time, that looking may take: 4,096 connections took 48 ms of a core
SILENT_S = 10.0  # grpcio gives as long for the handshake
IPV6_NETWORK_BITS = 64  # whoever has one address there has all of them
DESCRIPTORS = "/proc/self/fd"
SOCKET = "socket:["
TCP_INFO_BYTES = 136
BYTES_RECEIVED = slice(128, 136)  # of struct tcp_info, since Linux 4.1

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def bounded_connections(port: int, settings: Settings) -> AsyncIterator[None]:
    """Looks after the connections to a port of this process, while the block lasts."""
    looking = asyncio.create_task(_keep_looking(Connections(port, settings)))
    try:
        yield
    finally:
        looking.cancel()


class Connections:
    """Those to one port of this process."""

    def __init__(self, port: int, settings: Settings) -> None:
        self._port = port
        self._settings = settings
        self._known: dict[int, _Connection | None] = {}  # by inode, as they were seen; None is another socket

    def look(self) -> None:
        """Ends those that are silent, or too many: of these the newest."""
        found = dict(_sockets())
        for gone in self._known.keys() - found.keys():
            del self._known[gone]
        for new in found.keys() - self._known.keys():
            with contextlib.suppress(OSError):  # gone meanwhile
                self._known[new] = _connection(new, found[new], self._port)
        count, ended = Counter[str](), Counter[tuple[str, str]]()
        for connection in filter(None, self._known.values()):
            with contextlib.suppress(OSError):
                if why := self._unwanted(connection, count):
                    connection.end()
                    ended[connection.peer, why] += 1
        for (peer, why), number in ended.items():
            log.warning("%s: %d ended, %s", peer, number, why)

    def _unwanted(self, connection: "_Connection", count: Counter[str]) -> str:
        """Counts it; why it is to end, as one more of so many, and "" if it is not."""
        count[connection.peer] += 1
        if count[connection.peer] > (most := self._settings.max_connections_per_peer):
            return f"more than {most} connections of one peer"
        if count.total() > (most := self._settings.max_connections):
            return f"more than {most} connections"
        return f"connected for {SILENT_S:g} s without a word" if connection.is_silent() else ""


@dataclass
class _Connection:
    inode: int
    descriptor: int
    peer: str
    since_s: float
    has_spoken: bool = False

    def is_silent(self) -> bool:
        """Whether nothing has come for too long since it was made. Raises OSError."""
        if self.has_spoken or time.monotonic() - self.since_s < SILENT_S:
            return False
        with _duplicate(self.inode, self.descriptor) as connection:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        self.has_spoken = any(info[BYTES_RECEIVED])
        return not self.has_spoken

    def end(self) -> None:
        """Hangs up. Raises OSError."""
        with _duplicate(self.inode, self.descriptor) as connection:
            connection.shutdown(socket.SHUT_RDWR)


def _connection(inode: int, descriptor: int, port: int) -> _Connection | None:
    with _duplicate(inode, descriptor) as found:
        if found.family not in (socket.AF_INET, socket.AF_INET6) or found.getsockname()[1] != port:
            return None
        try:
            address = found.getpeername()[0]
        except OSError:  # it listens
            return None
    return _Connection(inode, descriptor, peer_of(address), time.monotonic())


def peer_of(address: str) -> str:
    """Who counts as one: an IPv4 address, or a network of IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, IPV6_NETWORK_BITS), strict=False))
    return str(ip)


def _duplicate(inode: int, descriptor: int) -> socket.socket:
    """The socket, to be closed as well. Raises OSError when it is gone."""
    duplicate = os.dup(descriptor)
    try:
        if os.fstat(duplicate).st_ino != inode:
            raise ConnectionError("the descriptor is another's by now")
        return socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        raise


def _sockets() -> Iterator[tuple[int, int]]:
    """The inodes and descriptors of this process' sockets; none where there is no such folder."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(DESCRIPTORS):  # noqa: PTH208  # Path objects would take most of the time
            with contextlib.suppress(OSError):
                target = os.readlink(f"{DESCRIPTORS}/{name}")  # noqa: PTH115
                if target.startswith(SOCKET):
                    yield int(target[len(SOCKET) : -1]), int(name)


async def _keep_looking(connections: Connections) -> None:
    pause_s, problem = LOOK_EVERY_S, ""
    while True:
        await asyncio.sleep(pause_s)
        began_s = time.monotonic()
        try:
            await asyncio.to_thread(connections.look)
            problem = ""
        except Exception as error:  # to look takes a descriptor, and there may be none; there is a next time
            if repr(error) != problem:
                log.exception("the connections cannot be looked at: none is ended for now")
            problem = repr(error)
        pause_s = max(LOOK_EVERY_S, (time.monotonic() - began_s) / LARGEST_SHARE)
