"""Sends a server what it should not get, and holds it to what it may tell of that."""

import re
from pathlib import Path
from typing import Any

import grpc
from digitserve_client import DigitClient
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire import wire_error

from disturbance.golden import golden
from disturbance.messages import messages, methods
from disturbance.tally import Tally

TIMEOUT_S = 60.0

# What a caller may be told of a message that is not right. Not: INTERNAL, UNKNOWN, UNAVAILABLE.
EXPECTED = {"INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"}
# What nobody is told, in whatever words: neither in a status nor in a stream's answer that is an error.
INTERNALS = re.compile(
    rb"(?i)traceback|exception|internal error|\.py\b|site-packages|0x[0-9a-f]{6}|google\.protobuf"
)


def send(target: str, repository: Path, number: int, *, derandomize: bool) -> Tally:
    """Sends so many messages, in equal parts to every method; tells what the calls came back with.

    Those of an example are under way together, and a good call follows. Raises AssertionError, with the
    smallest messages that hypothesis finds, if one of them does not end as it should.
    """
    tally, asked, kinds = Tally(), golden(repository), methods()

    @settings(
        max_examples=-(-number // len(kinds)),
        derandomize=derandomize,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.tuples(*(messages(method.input_type) for method in kinds)))
    def all_end_well(sent: tuple[bytes, ...]) -> None:
        calls = [_call(channel, method, message) for method, message in zip(kinds, sent, strict=True)]
        for method, message, call in zip(kinds, sent, calls, strict=True):
            wrong = _ending(method, call, tally)
            assert not wrong, f"{_path(method)} of {message!r}: {wrong}"
        assert client.classify(asked.images[0]).digit == asked.digits[0]

    with grpc.insecure_channel(target) as channel, DigitClient(target, timeout_s=TIMEOUT_S) as client:
        all_end_well()
    return tally


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _call(channel: grpc.Channel, method: MethodDescriptor, message: bytes) -> Any:
    if method.client_streaming:
        streamed: Any = channel.stream_stream(_path(method))
        return streamed(iter([message]), timeout=TIMEOUT_S)
    single: Any = channel.unary_unary(_path(method))
    return single.future(message, timeout=TIMEOUT_S)


def _ending(method: MethodDescriptor, call: Any, tally: Tally) -> str:
    """Waits for a call and counts it; what is wrong with its end, if anything is."""
    try:
        told = b"".join(call) if method.client_streaming else call.result()
        tally.answered += 1
    except grpc.RpcError as error:
        code, text, details = wire_error(error)
        tally.fails(code.name)
        if code.name not in EXPECTED or "ErrorInfo" not in details:
            return f"{code.name}, {text}"
        told = f"{text} {details}".encode()
    return str(told) if INTERNALS.search(told) else ""
