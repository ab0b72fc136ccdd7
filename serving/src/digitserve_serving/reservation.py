"""Sees that an address is free, and keeps it for the processes of one server."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from digitserve_serving.transport import address_of, address_taken

NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # such as IPv6, where it is switched off


@contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Holds an address while the block runs, for processes that set SO_REUSEPORT; yields its port.

    `port` 0 is a free one. The address is taken alone first and shared then, so that another server that
    would share it is refused: each would get a part of the other's connections. Raises TransportError.
    """
    with ExitStack() as holders:
        taken = 0
        try:
            for family, address in _addresses(host, port):
                taken = _take(holders.enter_context(socket.socket(family)), address, taken or port) or taken
        except OSError as error:
            raise address_taken(address_of(host, port)) from error
        if not taken:
            raise address_taken(address_of(host, port))
        yield taken


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _take(holder: socket.socket, address: str, port: int) -> int:
    """Binds a socket, and shares what it is bound to; the port; 0 when this machine has no such address."""
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the last server's connections may linger
    try:
        holder.bind((address, port))
    except OSError as error:
        if error.errno in NO_SUCH_ADDRESS:
            return 0
        raise
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return int(holder.getsockname()[1])
