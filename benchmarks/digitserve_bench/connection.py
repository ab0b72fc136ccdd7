"""One HTTP/2 connection that makes one and the same unary gRPC call, again and again."""

import select
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from digitserve_bench.frames import (
    ACK,
    DATA,
    DEFAULT_WINDOW_BYTES,
    END_HEADERS,
    END_STREAM,
    FRAME_HEADER,
    FRAME_HEADER_BYTES,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_BYTES,
    NUMBER,
    PADDED_OR_PRIORITY,
    PING,
    REFUSED_STREAM,
    RST_STREAM,
    SETTING,
    SETTINGS,
    WINDOW_UPDATE,
    ProtocolError,
    frame,
    grpc_status,
    opening,
    request_headers,
)

LOST: Final = -1  # in place of a status: the server reset the stream or closed the connection
READ_BYTES = 65_536
UNLIMITED = 2**31  # streams that may be open at once
CONNECT_TIMEOUT_S = 5.0

OnEnd = Callable[[int, int], None]
"""Gets the number of a call that has ended, and its gRPC status or LOST."""


class Connection:
    """Sends calls as fast as the server's flow control lets it; never blocks after it has connected.

    message: the request in gRPC's frame, small enough for one frame of HTTP/2. Answers are not looked at:
    only the status at their end is. A call that the server refuses before it looks at it is sent again,
    as often as it takes (gRPC's own clients do so once). Raises OSError when no HTTP/2 server listens there.
    """

    def __init__(self, port: int, path: str, message: bytes, on_end: OnEnd) -> None:
        if len(message) > MAX_FRAME_BYTES:
            raise ValueError(f"the message has {len(message)} bytes; at most {MAX_FRAME_BYTES} are wanted")
        self._socket = socket.create_connection(("127.0.0.1", port), CONNECT_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._on_end = on_end
        headers = frame(HEADERS, END_HEADERS, 0, request_headers(f"127.0.0.1:{port}", path))
        data = frame(DATA, END_STREAM, 0, message)
        # A request is these three with the stream's number between them.
        self._parts = (headers[:5], headers[9:] + data[:5], data[9:])
        self._cost = len(message)
        self._window = DEFAULT_WINDOW_BYTES
        self._max_open = 0  # until the server has said how many
        self._next_stream = 1
        self._waiting: deque[int] = deque()  # calls
        self._open: dict[int, int] = {}  # stream: call
        self._statuses: dict[bytes, int] = {}
        self._received = b""
        self._to_send = bytearray(opening())
        self._closed = False
        self._greet()

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    @property
    def wants_to_send(self) -> bool:
        """Whether there are bytes that the socket would not take yet."""
        return bool(self._to_send)

    @property
    def is_closed(self) -> bool:
        """Whether either side has hung up."""
        return self._closed

    def start(self, call: int) -> None:
        """Sends a call with the next `flush`, or as soon as the server's flow control allows."""
        self._waiting.append(call)
        self._fill()

    def flush(self) -> None:
        """Writes what the socket takes."""
        if not self._to_send or self._closed:
            return
        try:
            sent = self._socket.send(self._to_send)
        except BlockingIOError:
            return
        except OSError:
            self._lose_all()
            return
        del self._to_send[:sent]

    def receive(self) -> None:
        """Reads what has come and ends the calls that it answers."""
        try:
            chunk = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if chunk:
            self._received = self._take(self._received + chunk if self._received else chunk)
        else:
            self._lose_all()

    def close(self) -> None:
        """Hangs up."""
        self._closed = True
        self._socket.close()

    def _greet(self) -> None:
        """Waits for the server's settings: calls that are sent before may be more than it takes."""
        while not self._max_open:
            self.flush()
            if not select.select([self], [], [], CONNECT_TIMEOUT_S)[0]:
                raise TimeoutError(f"no HTTP/2 server has answered within {CONNECT_TIMEOUT_S:g} s")
            self.receive()
            if self._closed:
                raise ConnectionError("what listens there hung up: it is no HTTP/2 server")

    def _fill(self) -> None:
        before, between, after = self._parts
        while (
            self._waiting
            and self._window >= self._cost
            and len(self._open) < self._max_open
            and not self._closed
        ):
            stream = NUMBER.pack(self._next_stream)
            self._to_send += b"".join((before, stream, between, stream, after))
            self._open[self._next_stream] = self._waiting.popleft()
            self._next_stream += 2
            self._window -= self._cost

    def _take(self, buffer: bytes) -> bytes:
        """Handles the frames that are whole; returns the rest."""
        at, end = 0, len(buffer)
        while at + FRAME_HEADER_BYTES <= end:
            high, low, kind, flags, stream = FRAME_HEADER.unpack_from(buffer, at)
            start = at + FRAME_HEADER_BYTES
            stop = start + (high << 8 | low)
            if stop > end:
                break
            if kind == HEADERS:
                if flags & END_STREAM:
                    self._end(stream, self._status(flags, buffer[start:stop]))
            elif kind != DATA:
                self._control(kind, flags, stream, buffer[start:stop])
            at = stop
        return buffer[at:]

    def _end(self, stream: int, status: int) -> None:
        self._on_end(self._open.pop(stream), status)
        if self._waiting:
            self._fill()

    def _status(self, flags: int, block: bytes) -> int:
        known = self._statuses.get(block)
        if known is not None:
            return known
        if flags & PADDED_OR_PRIORITY or not flags & END_HEADERS:
            raise ProtocolError(f"a HEADERS frame with the flags {flags:#x}")
        status = grpc_status(block)
        if status is None:
            raise ProtocolError("trailers without grpc-status")
        if status == 0:  # those of errors hold a request id and come once
            self._statuses[block] = status
        return status

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == WINDOW_UPDATE and stream == 0:
            self._window += NUMBER.unpack(payload)[0]
        elif kind == SETTINGS and not flags & ACK:
            self._settings(payload)
        elif kind == PING and not flags & ACK:
            self._to_send += frame(PING, ACK, 0, payload)
        elif kind == RST_STREAM and stream in self._open:
            if payload == NUMBER.pack(REFUSED_STREAM) and self._max_open:  # not after GOAWAY
                # It may be sent again, for nothing was done with it (RFC 9113, section 8.7). A server that
                # has just sent the end of an answer may still count that stream as an open one.
                self._waiting.appendleft(self._open.pop(stream))
            else:
                self._end(stream, LOST)
        elif kind == GOAWAY:
            self._max_open = 0  # what is open may still be answered
        self._fill()

    def _settings(self, payload: bytes) -> None:
        self._max_open = self._max_open or UNLIMITED
        for name, value in SETTING.iter_unpack(payload):
            if name == MAX_CONCURRENT_STREAMS:
                self._max_open = value
            elif name == INITIAL_WINDOW_SIZE and value < self._cost:
                raise ProtocolError(f"the server takes {value} bytes at first, the message has {self._cost}")
        self._to_send += frame(SETTINGS, ACK, 0)

    def _lose_all(self) -> None:
        self.close()
        lost = [*self._open.values(), *self._waiting]
        self._open.clear()
        self._waiting.clear()
        for call in lost:
            self._on_end(call, LOST)
