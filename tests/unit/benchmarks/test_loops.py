"""The load generator against real servers."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import grpc
import numpy as np
import pytest
from digitserve_bench import loops
from digitserve_bench.connection import LOST, Connection
from digitserve_bench.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    FRAME_HEADER,
    FRAME_HEADER_BYTES,
    GOAWAY,
    HEADERS,
    MAX_CONCURRENT_STREAMS,
    NUMBER,
    PING,
    PREFACE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTING,
    SETTINGS,
    frame,
    literal,
)
from digitserve_bench.loops import UNANSWERED, ClosedLoop, OpenLoop, turn
from digitserve_bench.payloads import SINGLE
from unit.benchmarks.answering import Answer, always_ok, grpcio_server, message_of, native_server

Ends = list[tuple[int, int]]
Serve = Callable[[Answer], AbstractContextManager[int]]
PATIENCE_S = 20.0
CANCEL = 0x8  # an error code of HTTP/2


@pytest.fixture(params=[grpcio_server, native_server], ids=["grpcio", "native"])
def serve(request: pytest.FixtureRequest) -> Serve:
    return request.param  # type: ignore[no-any-return]


def remembering(seen: list[bytes]) -> Answer:
    def answer(request: bytes) -> grpc.StatusCode:
        seen.append(request)
        return always_ok(request)

    return answer


def test_every_call_of_an_open_loop_is_made_and_answered(serve: Serve) -> None:
    seen: list[bytes] = []
    due = np.linspace(0, 0.1, 200)
    with serve(remembering(seen)) as port:
        journal = OpenLoop(port, SINGLE, message_of(784), due).run(PATIENCE_S)
    assert seen == [bytes(784)] * 200
    assert (journal.status == 0).all()
    assert (journal.due == due).all()
    assert (journal.due <= journal.sent).all()
    assert (journal.sent < journal.ended).all()


def test_errors_are_told_apart(serve: Serve) -> None:
    statuses = [grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE]
    numbers = iter(range(1000))
    lock = threading.Lock()

    def answer(_request: bytes) -> grpc.StatusCode:
        with lock:
            return statuses[next(numbers) % 3]

    with serve(answer) as port:
        journal = OpenLoop(port, SINGLE, message_of(784), np.zeros(300)).run(PATIENCE_S)
    assert Counter(journal.status.tolist()) == {0: 100, 8: 100, 14: 100}


def test_more_than_the_servers_window_goes_out_as_it_opens(serve: Serve) -> None:
    with serve(always_ok) as port:
        journal = OpenLoop(port, SINGLE, message_of(16_000), np.zeros(400)).run(PATIENCE_S)
    assert (journal.status == 0).all()


def test_no_more_streams_are_open_than_the_server_takes() -> None:
    with grpcio_server(always_ok, max_concurrent_streams=1) as port:
        journal = OpenLoop(port, SINGLE, message_of(784), np.zeros(100)).run(PATIENCE_S)
    assert (journal.status == 0).all()  # the server refuses streams that are too many


@contextmanager
def scripted(settings: bytes = b"") -> Iterator[tuple[Connection, socket.socket, Ends]]:
    """A connection, what it is connected to, and the calls that have ended with their statuses."""

    def greet() -> socket.socket:
        peer, _ = listener.accept()
        peer.settimeout(PATIENCE_S)
        peer.sendall(frame(SETTINGS, 0, 0, settings))
        return peer

    ended: Ends = []
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        listener.settimeout(PATIENCE_S)
        greeting = pool.submit(greet)
        port = listener.getsockname()[1]
        connection = Connection(port, SINGLE, message_of(784), lambda *end: ended.append(end))
        with greeting.result() as peer:
            try:
                yield connection, peer, ended
            finally:
                connection.close()


def called(connection: Connection, peer: socket.socket, frames: bytes = b"") -> list[int]:
    """The streams of the calls that were sent since this was asked last, once the frames have come."""
    peer.sendall(frames + frame(PING, 0, 0, bytes(8)))
    turn([connection], PATIENCE_S, time.perf_counter)
    connection.flush()
    answer, received = frame(PING, ACK, 0, bytes(8)), b""
    while not received.endswith(answer):
        received += peer.recv(65_536)
    at, streams = len(PREFACE) if received.startswith(PREFACE) else 0, []
    while at < len(received):
        high, low, kind, _, stream = FRAME_HEADER.unpack_from(received, at)
        at += FRAME_HEADER_BYTES + (high << 8 | low)
        streams += [stream] if kind == HEADERS else []
    return streams


def trailers(stream: int) -> bytes:
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, literal("grpc-status", "0"))


def reset(stream: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream, NUMBER.pack(code))


def test_a_call_waits_until_the_server_takes_another_stream() -> None:
    with scripted(SETTING.pack(MAX_CONCURRENT_STREAMS, 1)) as (connection, peer, ended):
        connection.start(7)
        connection.start(8)
        assert called(connection, peer) == [1]
        assert called(connection, peer, trailers(1)) == [3]
        assert ended == [(7, 0)]


def test_a_refused_call_is_sent_again() -> None:
    with scripted() as (connection, peer, ended):
        connection.start(7)
        assert called(connection, peer) == [1]
        assert called(connection, peer, reset(1, REFUSED_STREAM)) == [3]
        assert ended == []
        assert called(connection, peer, trailers(3)) == []
        assert ended == [(7, 0)]


@pytest.mark.parametrize(
    "frames",
    [reset(1, CANCEL), frame(GOAWAY, 0, 0, bytes(8)) + reset(1, REFUSED_STREAM)],
    ids=["cancelled", "goaway"],
)
def test_other_calls_that_the_server_resets_are_lost(frames: bytes) -> None:
    with scripted() as (connection, peer, ended):
        connection.start(7)
        assert called(connection, peer) == [1]
        assert called(connection, peer, frames) == []
        assert ended == [(7, LOST)]


def test_calls_that_are_never_answered_are_known() -> None:
    enough = threading.Event()

    def answer(request: bytes) -> grpc.StatusCode:
        enough.wait(PATIENCE_S)
        return always_ok(request)

    with native_server(answer) as port:
        journal = OpenLoop(port, SINGLE, message_of(784), np.zeros(3)).run(0.05)
        enough.set()
    assert journal.status.tolist() == [UNANSWERED] * 3
    assert np.isnan(journal.ended).all()


def test_calls_on_a_connection_that_breaks_are_lost() -> None:
    ended: list[tuple[int, int]] = []
    with grpcio_server(always_ok) as port:
        connection = Connection(port, SINGLE, message_of(784), lambda *end: ended.append(end))
    connection.start(7)
    while not connection.is_closed:
        connection.flush()
        connection.receive()
    assert ended == [(7, LOST)]


def test_a_closed_loop_counts_what_came_back(serve: Serve) -> None:
    seen: list[bytes] = []
    with serve(remembering(seen)) as port:
        journal = ClosedLoop(port, SINGLE, message_of(784), 16).run(0.1)
    assert 0 < len(journal.status) <= len(seen)
    assert (journal.status == 0).all()
    assert (journal.sent < journal.ended).all()


def test_a_closed_loop_keeps_so_many_calls_under_way() -> None:
    together = threading.Barrier(4)  # breaks unless four calls are there at once

    def answer(request: bytes) -> grpc.StatusCode:
        together.wait(PATIENCE_S)
        return always_ok(request)

    with grpcio_server(answer) as port:
        journal = ClosedLoop(port, SINGLE, message_of(784), 4).run(0.1)
        together.abort()
    assert len(journal.status) >= 4
    assert (journal.status[:4] == 0).all()


def test_a_closed_loop_breaks_no_call_off(monkeypatch: pytest.MonkeyPatch) -> None:
    broken_off: list[int] = []

    class Noting(Connection):
        def close(self) -> None:
            broken_off.append(len(self._open))
            super().close()

    def slow(request: bytes) -> grpc.StatusCode:
        threading.Event().wait(0.05)  # so that the loop ends while calls are under way
        return always_ok(request)

    monkeypatch.setattr(loops, "Connection", Noting)
    with grpcio_server(slow) as port:
        journal = ClosedLoop(port, SINGLE, message_of(784), 4).run(0.12)
    assert broken_off == [0] * 4
    assert (journal.ended < 0.12).all()


def test_a_message_too_large_for_one_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 16384"):
        Connection(1, SINGLE, message_of(20_000), lambda *_: None)


def test_what_is_no_http2_server_is_refused() -> None:
    def hang_up() -> None:
        listener.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up).start()
        with pytest.raises(ConnectionError, match="no HTTP/2 server"):
            Connection(listener.getsockname()[1], SINGLE, message_of(784), lambda *_: None)
