"""Messages that are nearly right, or not at all, for every method of the server."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import grpc.aio
import numpy as np
from digitserve.inference import grpc_service_pb2 as oip_pb2
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import model_service_pb2 as models_pb2

from disturbance.tally import Tally

SEED = 20_26
IN_FLIGHT = 32
STREAMED = 4  # messages in a stream, at most
LONGEST_BYTES = 2_000
DEEPER = b"\x0b" * 5_000  # the beginnings of groups within groups
ENDLESS = b"\x0a\xff\xff\xff\xff\x07"  # a field that says it has 2 GB
TIMEOUT_S = 60.0

# What a caller may be told of a message that is not right. Not: INTERNAL, UNKNOWN, UNAVAILABLE.
EXPECTED = {"INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"}


class Method:
    """One method, and whole messages to it."""

    def __init__(self, service: Any, method: Any, wholes: list[bytes]) -> None:
        self.path = f"/{service.full_name}/{method.name}"
        self.streams = bool(method.client_streaming)
        self.wholes = wholes


def methods() -> list[Method]:
    """All methods of the three services."""
    services = [
        file.DESCRIPTOR.services_by_name[name]
        for file, name in (
            (digits_pb2, "DigitService"),
            (models_pb2, "ModelService"),
            (oip_pb2, "GRPCInferenceService"),
        )
    ]
    return [Method(s, m, _wholes(m.input_type)) for s in services for m in s.methods]


def messages(method: Method, number: int, random: np.random.Generator) -> Iterator[bytes]:
    """So many messages, each damaged in one of several ways."""
    for each in range(number):
        whole = method.wholes[int(random.integers(len(method.wholes)))]
        yield _DAMAGES[each % len(_DAMAGES)](whole, random)


async def send(target: str, number: int) -> Tally:
    """Sends so many messages, in equal parts to every method; tells what the calls came back with."""
    tally = Tally()
    kinds = methods()
    async with grpc.aio.insecure_channel(target) as channel:
        for place, method in enumerate(kinds):
            random = np.random.default_rng((SEED, place))
            await _send_all(channel, method, messages(method, -(-number // len(kinds)), random), tally)
    return tally


async def _send_all(channel: grpc.aio.Channel, method: Method, left: Iterator[bytes], tally: Tally) -> None:
    send_some = _in_a_stream if method.streams else _alone

    async def keep_sending() -> None:
        for message in left:
            try:
                await send_some(channel, method.path, message, left)
                tally.answered += 1
            except grpc.aio.AioRpcError as error:
                tally.fails(error.code().name)

    await asyncio.gather(*(keep_sending() for _ in range(IN_FLIGHT)))


async def _alone(channel: grpc.aio.Channel, path: str, message: bytes, _: Iterator[bytes]) -> None:
    call: Any = channel.unary_unary(path)
    await call(message, timeout=TIMEOUT_S)


async def _in_a_stream(channel: grpc.aio.Channel, path: str, first: bytes, left: Iterator[bytes]) -> None:
    """Each message when the one before is answered: grpc.aio takes it ill when a stream ends meanwhile."""
    method: Any = channel.stream_stream(path)
    call = method(timeout=TIMEOUT_S)
    for message in (first, *(m for m, _ in zip(left, range(STREAMED - 1), strict=False))):
        await call.write(message)
        if await call.read() is grpc.aio.EOF:
            break
    await call.done_writing()
    while await call.read() is not grpc.aio.EOF:
        pass


def _wholes(kind: Any) -> list[bytes]:
    """Messages of a type that are as they should be, or nearly."""
    pixels = bytes(784)
    asked = {"name": "digits", "version": "", "model_name": "digits", "id": "7", "pixels": pixels}
    messages = [getattr(_file_of(kind), kind.name)()]
    known = {field.name: asked[field.name] for field in kind.fields if field.name in asked}
    messages.append(getattr(_file_of(kind), kind.name)(**known))
    if kind.name == "ModelInferRequest":
        messages += [_infer(raw=pixels), _infer(numbers=[0] * 784)]
    return [message.SerializeToString() for message in messages]


def _file_of(kind: Any) -> Any:
    files = (digits_pb2, models_pb2, oip_pb2)
    return next(file for file in files if file.DESCRIPTOR.name == kind.file.name)


def _infer(*, raw: bytes = b"", numbers: list[int] | None = None) -> oip_pb2.ModelInferRequest:
    tensor = oip_pb2.ModelInferRequest.InferInputTensor(name="images", datatype="UINT8", shape=[1, 28, 28])
    if numbers:
        tensor.contents.uint_contents.extend(numbers)
    request = oip_pb2.ModelInferRequest(model_name="digits", inputs=[tensor])
    request.outputs.add(name="probabilities").parameters["binary_data"].bool_param = False
    if raw:
        request.raw_input_contents.append(raw)
    return request


def _random(_: bytes, random: np.random.Generator) -> bytes:
    return random.bytes(int(random.integers(LONGEST_BYTES)))


def _truncated(whole: bytes, random: np.random.Generator) -> bytes:
    return whole[: int(random.integers(len(whole) + 1))]


def _flipped(whole: bytes, random: np.random.Generator) -> bytes:
    """The first bytes are those that say what follows: half of the flipped bits are there."""
    damaged = bytearray(whole or b"\0")
    for within in (min(40, len(damaged)), len(damaged)):
        damaged[int(random.integers(within))] ^= 1 << int(random.integers(8))
    return bytes(damaged)


def _spliced(whole: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(len(whole) + 1))
    return whole[:at] + random.bytes(int(random.integers(1, 9))) + whole[at:]


def _twice(whole: bytes, random: np.random.Generator) -> bytes:
    return whole + _truncated(whole, random)


def _endless(whole: bytes, random: np.random.Generator) -> bytes:
    return whole + (DEEPER if random.integers(8) == 0 else ENDLESS)


_DAMAGES = (_random, _truncated, _flipped, _spliced, _twice, _endless)
