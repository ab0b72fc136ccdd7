"""Real servers of both kinds for the load generator, which answer what a test tells them to."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from digitserve_bench.payloads import FRAME_BYTES, SINGLE
from pygrpc_native import EVENT_CALL, NativeGrpcFront

Answer = Callable[[bytes], grpc.StatusCode]
"""Gets a request, decides with which status it is answered."""


@contextmanager
def grpcio_server(answer: Answer, **options: Any) -> Iterator[int]:
    """A grpcio server; gives its port. The options are channel arguments, without their "grpc."."""

    def handle(request: bytes, context: Any) -> bytes:
        status = answer(request)
        if status is not grpc.StatusCode.OK:
            context.abort(status, f"because {request[:1]!r}")
        return request

    _, service, method = SINGLE.split("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(handle)}
    server = grpc.server(
        ThreadPoolExecutor(8), options=[(f"grpc.{name}", value) for name, value in options.items()]
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@contextmanager
def native_server(answer: Answer) -> Iterator[int]:
    """A pygrpc-native server; gives its port."""
    front = NativeGrpcFront("127.0.0.1:0", [(SINGLE, False)])
    front.start()

    def serve() -> None:
        while (events := front.recv_batch(64)) is not None:
            for kind, call, _method, payload, _client in events:
                if kind == EVENT_CALL and payload is not None:
                    status = answer(payload)
                    if status is grpc.StatusCode.OK:
                        front.respond(call, payload)
                    else:
                        front.fail(call, status.value[0], f"because {payload[:1]!r}")

    worker = threading.Thread(target=serve)
    worker.start()
    try:
        yield front.bound_port
    finally:
        front.close()
        worker.join()


def always_ok(_request: bytes) -> grpc.StatusCode:
    return grpc.StatusCode.OK


def message_of(size: int) -> bytes:
    """A request in gRPC's frame, `size` bytes long without it."""
    return b"\0" + size.to_bytes(FRAME_BYTES - 1, "big") + bytes(size)
