"""The floors of the transports: servers that send each request back, and do nothing else.

python -m digitserve_bench.echo grpcio|native
"""

import asyncio
import signal
import sys
import threading
from typing import Any

import grpc.aio

from digitserve_bench.payloads import SINGLE

AT_ONCE = 64  # calls taken in one crossing of the GIL


async def _echo(request: bytes, _context: Any) -> bytes:
    return request


async def _grpcio() -> None:
    _, service, method = SINGLE.split("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(_echo)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    _announce(port)
    await server.wait_for_termination()


def _native() -> None:
    from pygrpc_native import EVENT_CALL, NativeGrpcFront  # noqa: PLC0415  # optional

    front = NativeGrpcFront("127.0.0.1:0", [(SINGLE, False)])
    front.start()
    signal.signal(signal.SIGTERM, lambda *_: front.close())
    _announce(front.bound_port)

    def serve() -> None:
        while (events := front.recv_batch(AT_ONCE)) is not None:
            for kind, call, _method, payload, _client in events:
                if kind == EVENT_CALL and payload is not None:
                    front.respond(call, payload)

    worker = threading.Thread(target=serve)
    worker.start()
    worker.join()


def _announce(port: int) -> None:
    sys.stdout.write(f"listening on 127.0.0.1:{port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "native":
        _native()
    else:
        asyncio.run(_grpcio())
