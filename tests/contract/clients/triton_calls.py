"""Calls a server as its users would with NVIDIA's tritonclient; runs where that is installed."""

import asyncio
import json
import queue
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import model_config_pb2, service_pb2

MODEL, DIGITS = "digits", [7, 1, 4]


def images(digits: list[int]) -> Any:
    """What the tiny model of the tests reads as these digits: uint8 (N, 28, 28)."""
    drawn = np.zeros((len(digits), 28, 28), np.uint8)
    drawn[range(len(digits)), 0, digits] = 255
    return drawn


def tensor(module: Any, digits: list[int], shape: list[int] | None = None) -> Any:
    drawn = images(digits) if shape is None else images(digits).reshape(shape)
    sent = module.InferInput("images", list(drawn.shape), "UINT8")
    sent.set_data_from_numpy(drawn)
    return sent


def read(result: Any) -> list[int]:
    probabilities = result.as_numpy("probabilities")
    assert probabilities.dtype == np.float32
    return [int(digit) for digit in probabilities.argmax(axis=1)]


def refusal(call: Callable[[], Any]) -> list[str]:
    try:
        call()
    except triton.InferenceServerException as error:
        return [error.status(), error.message()]
    raise AssertionError("the call succeeded")


def synchronous(target: str) -> dict[str, Any]:
    with triton.InferenceServerClient(target) as client:
        result = client.infer(MODEL, [tensor(triton, DIGITS)], request_id="seven", client_timeout=20)
        named = client.infer(
            MODEL,
            [tensor(triton, [3])],
            model_version="1",
            outputs=[triton.InferRequestedOutput("probabilities")],
            compression_algorithm="gzip",
        )
        done: queue.Queue[Any] = queue.Queue()
        client.async_infer(MODEL, [tensor(triton, [9])], lambda result, error: done.put((result, error)))
        called_back, failure = done.get(timeout=20)
        assert failure is None, failure
        return {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model ready": client.is_model_ready(MODEL, "1"),
            "server": client.get_server_metadata(as_json=True),
            "metadata": client.get_model_metadata(MODEL, as_json=True),
            "config": client.get_model_config(MODEL, as_json=True),
            "digits": read(result),
            "id": result.get_response().id,
            "version": result.get_response().model_version,
            "digits by name": read(named),
            "digits by callback": read(called_back),
            "statistics": client.get_inference_statistics(MODEL, as_json=True),
            "index": client.get_model_repository_index(as_json=True),
            "refusals": refusals(client),
        }


def refusals(client: Any) -> dict[str, Any]:
    shared = triton.InferInput("images", [1, 28, 28], "UINT8")
    shared.set_shared_memory("region", 784)
    classes = [triton.InferRequestedOutput("probabilities", class_count=3)]
    return {
        "model": refusal(lambda: client.infer("nobody", [tensor(triton, [1])])),
        "version": refusal(lambda: client.infer(MODEL, [tensor(triton, [1])], model_version="9")),
        "no batch axis": refusal(lambda: client.infer(MODEL, [tensor(triton, [1], [28, 28])])),
        "output": refusal(
            lambda: client.infer(
                MODEL, [tensor(triton, [1])], outputs=[triton.InferRequestedOutput("nobody")]
            )
        ),
        "sequence": refusal(lambda: client.infer(MODEL, [tensor(triton, [1])], sequence_id=5)),
        "shared memory": refusal(lambda: client.infer(MODEL, [shared])),
        "classes": refusal(lambda: client.infer(MODEL, [tensor(triton, [1])], outputs=classes)),
        "trace": refusal(client.get_trace_settings),
        "load": refusal(lambda: client.load_model(MODEL)),
        "unload": refusal(lambda: client.unload_model(MODEL)),
    }


def stream(target: str) -> list[Any]:
    answers: queue.Queue[Any] = queue.Queue()
    with triton.InferenceServerClient(target) as client:
        client.start_stream(lambda result, error: answers.put(str(error) if error else read(result)))
        for sent in (tensor(triton, [2]), tensor(triton, [1], [28, 28]), tensor(triton, DIGITS)):
            client.async_stream_infer(MODEL, [sent], enable_empty_final_response=True)
        received = [answers.get(timeout=20) for _ in range(3)]
        client.stop_stream()
    return received


async def asynchronous(target: str) -> dict[str, Any]:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        for digit in range(5):
            yield {
                "model_name": MODEL,
                "inputs": [tensor(triton_aio, [digit])],
                "request_id": str(digit),
            }

    async with triton_aio.InferenceServerClient(target) as client:
        results = await asyncio.gather(
            *(client.infer(MODEL, [tensor(triton_aio, [digit])]) for digit in range(10))
        )
        streamed = client.stream_infer(requests())
        return {
            "ready": await client.is_server_ready(),
            "metadata": await client.get_model_metadata(MODEL, as_json=True),
            "digits": [read(result)[0] for result in results],
            "stream": [
                [result.get_response().id, *read(result)] async for result, error in streamed if not error
            ],
        }


def fields(message: Any) -> dict[str, Any]:
    """The messages within a message and their fields: name to number, type and whether it is repeated."""
    kinds = {message.full_name: {f.name: [f.number, f.type, f.is_repeated] for f in message.fields}}
    for nested in message.nested_types:
        kinds |= fields(nested)
    return kinds


def wire() -> dict[str, Any]:
    kinds: dict[str, Any] = {}
    for file in (service_pb2.DESCRIPTOR, model_config_pb2.DESCRIPTOR):
        for message in file.message_types_by_name.values():
            kinds |= fields(message)
    return kinds


if __name__ == "__main__":
    address = sys.argv[1]
    answers = {
        "synchronous": synchronous(address),
        "asynchronous": asyncio.run(asynchronous(address)),
        "stream": stream(address),
        "wire": wire(),
    }
    json.dump(answers, sys.stdout)
