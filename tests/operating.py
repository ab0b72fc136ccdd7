"""What an operator does with the models of a server, and sees of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve.v1 import model_service_pb2_grpc as models_grpc
from tiny_model import image_of
from wire import one

POLL_S = 0.02
READY, FAILED, UNLOADED = (
    models_pb2.MODEL_STATE_READY,
    models_pb2.MODEL_STATE_FAILED,
    models_pb2.MODEL_STATE_UNLOADED,
)


class Operator:
    """Asks a server about its models, and tells it what to do with them."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.stub = models_grpc.ModelServiceStub(channel)
        self.digits = digits_grpc.DigitServiceStub(channel)

    async def states(self) -> dict[str, Any]:
        """State by version."""
        listed = (await self.stub.ListModels(models_pb2.ListModelsRequest())).models
        return {model.version: model.state for model in listed}

    async def default(self) -> str:
        """The version that answers by default."""
        return str((await self.digits.ClassifyImage(one(image_of(1)))).model.version)

    async def model(self, version: str = "") -> models_pb2.Model:
        return (await self.stub.GetModel(models_pb2.GetModelRequest(version=version))).model

    async def set_default(self, version: str, label: str = "") -> models_pb2.Model:
        request = models_pb2.SetDefaultRequest(version=version, label=label)
        return (await self.stub.SetDefault(request)).model

    async def rollback(self) -> str:
        return str((await self.stub.Rollback(models_pb2.RollbackRequest())).model.version)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Asks until it is so."""
    async with asyncio.timeout(20):
        while not await true():
            pass


async def version_is(operator: Operator, version: str) -> None:
    async def so() -> bool:
        return await operator.default() == version

    await until(so)


async def state_is(operator: Operator, version: str, state: Any) -> None:
    async def so() -> bool:
        states = await operator.states()
        return bool(states.get(version) == state)

    await until(so)
