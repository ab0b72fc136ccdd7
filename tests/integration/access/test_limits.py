"""What one peer can take, whoever it is."""

import asyncio
import socket
import struct
from collections.abc import Iterator

import grpc
import pytest
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve_serving import grpcio_transport
from digitserve_serving.access import connections
from server_in_process import Serving, free_port
from tiny_model import image_of
from wire import error_of, next_digits, one, streamed

FIRST_WORDS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # and no settings
PING = bytes((0, 0, 8, 6, 0, 0, 0, 0, 0)) + b"are you?"
SETTINGS, PINGED, GOAWAY, WINDOW_UPDATE = 4, 6, 7, 8
MAX_CONCURRENT_STREAMS = 3
PATIENCE_S = 20
SHORTLY: dict[str, tuple[object, str, float]] = {  # what ends a silent connection, soon
    "grpcio": (grpcio_transport, "HANDSHAKE_TIMEOUT_MS", 300),
    "native": (connections, "SILENT_S", 0.3),
}


class Peer:
    """A connection of HTTP/2, by hand."""

    def __init__(self, port: int, words: bytes = FIRST_WORDS, *, source: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S, (source, 0))
        self._socket.sendall(words)
        self._received = b""

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """What the server sends, as types and payloads, until it closes the connection."""
        while self._more(9) and self._more(length := 9 + int.from_bytes(self._received[:3], "big")):
            frame, self._received = self._received[:length], self._received[length:]
            yield frame[3], frame[9:]

    def settings(self) -> dict[int, int]:
        """What the server allows; nothing if it hangs up at once."""
        payload = next((payload for kind, payload in self.frames() if kind == SETTINGS and payload), b"")
        return dict(struct.iter_unpack(">HI", payload))

    def is_closed(self) -> bool:
        """Waits for the server to close the connection, with no more words than it has for everybody."""
        return all(kind in (SETTINGS, GOAWAY, WINDOW_UPDATE) for kind, _ in self.frames())

    def is_answered(self) -> bool:
        """Whether the server says that it is there."""
        self._socket.sendall(PING)
        return any(kind == PINGED for kind, _ in self.frames())

    def close(self) -> None:
        self._socket.close()

    def _more(self, wanted: int) -> bool:
        while len(self._received) < wanted:
            try:
                received = self._socket.recv(65536)
            except ConnectionResetError:
                return False
            self._received += received
            if not received:
                return False
        return True


@pytest.fixture
def port() -> int:
    return free_port()


async def test_calls_on_one_connection_are_bounded(port: int, serving: Serving) -> None:
    async with serving(port=port, max_calls_per_connection=7):
        peer = Peer(port)
        settings = await asyncio.to_thread(peer.settings)
        peer.close()
    assert settings[MAX_CONCURRENT_STREAMS] == 7


@pytest.mark.parametrize("transport", ["grpcio"])
async def test_connections_are_bounded(port: int, serving: Serving) -> None:
    async with serving(port=port, max_connections=3):  # the tests' own is the first
        peers = [Peer(port) for _ in range(2)]
        welcome = [await asyncio.to_thread(peer.settings) for peer in peers]
        one_too_many = Peer(port)
        refused = await asyncio.to_thread(one_too_many.settings)
        for peer in (*peers, one_too_many):
            peer.close()
    assert all(welcome)
    assert not refused


@pytest.mark.parametrize("transport", ["native"])
async def test_the_newest_of_too_many_connections_is_ended(port: int, serving: Serving) -> None:
    async with serving(port=port, max_connections=3):  # the tests' own is the first
        peers = [Peer(port, source=f"127.0.0.{n}") for n in range(2, 4)]
        assert all([await asyncio.to_thread(peer.is_answered) for peer in peers])
        await asyncio.sleep(2 * connections.LOOK_EVERY_S)
        one_too_many = Peer(port)
        assert await asyncio.to_thread(one_too_many.is_closed)
        for peer in (*peers, one_too_many):
            peer.close()


async def test_connections_of_one_peer_are_bounded(port: int, serving: Serving) -> None:
    async with serving(port=port, max_connections_per_peer=3) as channel:  # the first is its own
        peers = [Peer(port), Peer(port), Peer(port, source="127.0.0.2")]
        await asyncio.sleep(2 * connections.LOOK_EVERY_S)
        one_too_many = Peer(port)
        assert await asyncio.to_thread(one_too_many.is_closed)
        for peer in peers:
            assert await asyncio.to_thread(peer.is_answered)
            peer.close()
        one_too_many.close()
        answer = await digits_grpc.DigitServiceStub(channel).ClassifyImage(one(image_of(7)))
    assert answer.classification.digit == 7


@pytest.mark.parametrize("transport", ["grpcio"])
async def test_who_does_not_call_is_let_go(port: int, serving: Serving) -> None:
    async with serving(port=port, max_connection_idle_s=1):
        peer = Peer(port)
        assert await asyncio.to_thread(peer.is_closed)
        peer.close()


async def test_a_stream_without_requests_is_ended(serving: Serving) -> None:
    async with serving(max_stream_idle_s=0.2) as channel:
        stream = digits_grpc.DigitServiceStub(channel).StreamClassifyImages(timeout=PATIENCE_S)
        await stream.write(streamed(image_of(7).tobytes()))
        assert await next_digits(stream) == [7]
        failed = await error_of(stream.read())
    assert failed.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert failed.details["ErrorInfo"].reason == "STREAM_IDLE"


async def test_who_says_nothing_is_let_go(
    port: int, serving: Serving, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*SHORTLY[transport])
    async with serving(port=port):
        peer = Peer(port, b"")
        assert await asyncio.to_thread(peer.is_closed)
        peer.close()
