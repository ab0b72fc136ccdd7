"""The port that the web service listens on."""

import socket

from digitserve_web.server import listening_socket
from digitserve_web.settings import Settings


def test_small_answers_are_sent_at_once() -> None:
    with (
        listening_socket(Settings(port=0)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
