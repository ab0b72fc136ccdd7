"""The HTTP server that carries the application: uvicorn, with the bounds of the settings."""

import math
import socket

import uvicorn

from digitserve_web.app import create_app
from digitserve_web.settings import Settings

KEEP_ALIVE_S = 30


def listening_socket(settings: Settings) -> socket.socket:
    """The open port; raises OSError when it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.create_server((settings.host, settings.port), family=family)
    # What it accepts inherits this. asyncio sets it only on sockets that it has opened itself; without it,
    # headers and body go out 40 ms apart.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def server(settings: Settings) -> uvicorn.Server:
    """A server that runs until it is told to stop, and then finishes what is under way."""
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        log_level="warning" if settings.log_level == "info" else settings.log_level,
        access_log=settings.log_level == "debug",
        server_header=False,
        lifespan="on",
        ws="none",
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(settings.drain_timeout_s),
    )
    return uvicorn.Server(config)
