"""Calls a server as its users would with KServe's InferenceGRPCClient; runs where that is installed."""

import asyncio
import json
import logging
import sys
from typing import Any

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

MODEL, DIGITS = "digits", [7, 1, 4]


def request(digits: list[int], *, raw: bool = True, **fields: Any) -> InferRequest:
    """Asks the tiny model of the tests for these digits, in bytes or in numbers."""
    drawn = np.zeros((len(digits), 28, 28), np.uint8)
    drawn[range(len(digits)), 0, digits] = 255
    tensor = InferInput("images", list(drawn.shape), "UINT8", None if raw else drawn.ravel().tolist())
    if raw:
        tensor.set_data_from_numpy(drawn)
    return InferRequest(**({"model_name": MODEL, "infer_inputs": [tensor]} | fields))


async def read(client: InferenceGRPCClient, asked: InferRequest) -> dict[str, Any]:
    response = await client.infer(asked)
    (output,) = response.outputs
    return {
        "digits": output.as_numpy().argmax(axis=1).tolist(),
        "datatype": output.datatype,
        "model": [response.model_name, response.model_version],
        "id": response.id,
    }


async def refusal(call: Any) -> list[str]:
    try:
        await call
    except grpc.RpcError as error:
        return [str(error.code()), str(error.details())]
    raise AssertionError("the call succeeded")


async def calls(target: str) -> dict[str, Any]:
    async with InferenceGRPCClient(target) as client:
        return {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model ready": await client.is_model_ready(MODEL),
            "raw": await read(client, request(DIGITS, request_id="seven")),
            "numbers": await read(client, request(DIGITS, raw=False, request_id="eight")),
            "version": await read(client, request(DIGITS, request_id="nine", model_version="1")),
            "unknown": await refusal(client.is_model_ready("nobody")),
            "malformed": await refusal(
                client.infer(
                    request([1], infer_inputs=[InferInput("images", [1, 28, 28], "UINT8", [0] * 783)])
                )
            ),
        }


if __name__ == "__main__":
    logging.disable()
    json.dump(asyncio.run(calls(sys.argv[1])), sys.stdout)
