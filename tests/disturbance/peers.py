"""Clients that nobody wants: they send halves, hang up, abandon what they began, or never read.

Each of these acts that many times and returns; the connections are closed by then.
"""

import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle, islice

import numpy as np
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve_bench.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    NUMBER,
    PREFACE,
    RST_STREAM,
    SETTING,
    SETTINGS,
    frame,
    opening,
    request_headers,
)
from digitserve_bench.payloads import BATCH, SINGLE, STREAM, framed
from digitserve_client import DigitClient

SEED = 20_26
TIMEOUT_S = 30.0
AT_ONCE = 50  # connections that are open at a time
PER_CONNECTION = 50  # calls, where there are several
ROWS = 10  # of a batch
CANCEL = NUMBER.pack(8)
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # linger for no time at all
NOTHING_TAKEN = SETTING.pack(INITIAL_WINDOW_SIZE, 0)  # not a byte of an answer

Connect = Callable[[], socket.socket]


def half_sent(port: int, number: int) -> None:
    """Connections on which a part of a call comes, and then nothing more."""
    random = np.random.default_rng(SEED)
    with _connections(port) as connect:
        for path in _paths(number):
            whole = opening() + _call(1, path)
            _send(connect(), whole[: int(random.integers(len(whole)))])


def reset(port: int, number: int) -> None:
    """Connections that are reset right after a call."""
    with _connections(port, at_once=1) as connect:
        for path in _paths(number):
            connection = connect()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            _send(connection, opening() + _call(1, path))


def abandoned(port: int, number: int) -> None:
    """Calls that never end, by the dozen on a connection; every other one is cancelled at once."""
    with _connections(port) as connect:
        for paths in _by_connection(number):
            begun = opening()
            for stream, path in paths:
                begun += _call(stream, path, ended=False)
                begun += frame(RST_STREAM, 0, stream, CANCEL) if stream % 4 == 1 else b""
            _send(connect(), begun)


def unread(port: int, number: int) -> None:
    """Whole calls, by the dozen on a connection, of which no answer is taken."""
    with _connections(port) as connect:
        start = PREFACE + frame(SETTINGS, 0, 0, NOTHING_TAKEN)
        for paths in _by_connection(number):
            _send(connect(), start + b"".join(_call(stream, path) for stream, path in paths))


def garbage(port: int, number: int) -> None:
    """Connections that send noise: from the start, or where frames should come."""
    random = np.random.default_rng(SEED)
    with _connections(port) as connect:
        for place in range(number):
            start = opening() if place % 2 else b""
            _send(connect(), start + random.bytes(int(random.integers(1, 500))))


@contextlib.contextmanager
def _connections(port: int, at_once: int = AT_ONCE) -> Iterator[Connect]:
    """What opens a connection; the oldest is closed when there are too many.

    All are closed in the end, once another client has been answered: so the server has got to them.
    """
    still_open: deque[socket.socket] = deque()

    def connect() -> socket.socket:
        if len(still_open) == at_once:
            still_open.popleft().close()
        still_open.append(socket.create_connection(("127.0.0.1", port), TIMEOUT_S))
        return still_open[-1]

    try:
        yield connect
        with DigitClient(f"127.0.0.1:{port}", timeout_s=TIMEOUT_S) as client:
            client.model()
    finally:
        for connection in still_open:
            connection.close()


def _send(connection: socket.socket, content: bytes) -> None:
    with contextlib.suppress(OSError):  # the server may have hung up
        connection.sendall(content)


def _paths(number: int) -> Iterator[str]:
    return islice(cycle((SINGLE, BATCH, STREAM)), number)


def _by_connection(number: int) -> Iterator[list[tuple[int, str]]]:
    """The calls of each connection: the number of their stream, and the path."""
    paths = _paths(number)
    while some := [(2 * place + 1, path) for place, path in enumerate(islice(paths, PER_CONNECTION))]:
        yield some


def _call(stream: int, path: str, *, ended: bool = True) -> bytes:
    pixels = bytes(784 * (1 if path == SINGLE else ROWS))
    message = framed(digits_pb2.BatchClassifyImagesRequest(pixels=pixels).SerializeToString())
    headers = frame(HEADERS, END_HEADERS, stream, request_headers("127.0.0.1", path))
    return headers + frame(DATA, END_STREAM if ended else 0, stream, message)
