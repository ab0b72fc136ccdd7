"""The services: decode, ask the model, encode. All the rest is somebody else's."""

import functools
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import grpc.aio
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve.v1 import model_service_pb2_grpc as models_grpc

from digitserve_serving import codec
from digitserve_serving.calls import Calls, Question
from digitserve_serving.models import Models
from digitserve_serving.settings import Settings
from digitserve_serving.status import REQUEST_ID_KEY, Status, request_id, status_of
from digitserve_serving.streams import OpenStreams, answers_in_order

Context = grpc.aio.ServicerContext[Any, Any]
Response = TypeVar("Response")


def reports_errors(
    method: Callable[[Any, Any, Context], Awaitable[Response]],
) -> Callable[[Any, Any, Context], Awaitable[Response]]:
    """Answers a unary call that raises with the error's status."""

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: Context) -> Response:
        try:
            return await method(self, request, context)
        except Exception as error:
            status = _status(error, context)
        # grpcio keeps this frame until the garbage collector comes by: no images in it, nor an error
        # whose frames have them.
        del request
        return await _abort(status, context)

    return call


class DigitServicer:
    """digitserve.v1.DigitService, from bytes to bytes."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self._calls = Calls(models, settings)
        self._draining = models.draining
        self._streams = OpenStreams(settings.max_streams)

    @reports_errors
    async def ClassifyImage(self, payload: bytes, context: Context) -> bytes:
        """Classifies one image."""
        return await _answer(self._calls.image(payload), _deadline(context))

    @reports_errors
    async def BatchClassifyImages(self, payload: bytes, context: Context) -> bytes:
        """Classifies many images with one call."""
        return await _answer(self._calls.batch(payload), _deadline(context))

    async def StreamClassifyImages(self, _: Any, context: Context) -> AsyncIterator[bytes]:
        """Classifies a stream of batches, in order. Where a single call is refused, a stream waits."""
        deadline = _deadline(context)

        # Read from the context, for the iterator that grpcio gives keeps the last request in memory.
        async def next_request() -> Coroutine[Any, Any, bytes] | None:
            payload = await context.read()
            if payload is grpc.aio.EOF:
                return None
            return _answer(self._calls.stream(payload), deadline, wait_for_room=True)

        status = None
        try:
            with self._streams.one_more() as read_ahead:
                async for response in answers_in_order(next_request, self._draining, read_ahead=read_ahead):
                    yield response
        except Exception as error:
            status = _status(error, context)
        if status:
            await _abort(status, context)

    def handlers(self) -> dict[str, Any]:
        """Its rpcs, by name, for a grpcio server."""
        return {
            "ClassifyImage": grpc.unary_unary_rpc_method_handler(self.ClassifyImage),
            "BatchClassifyImages": grpc.unary_unary_rpc_method_handler(self.BatchClassifyImages),
            "StreamClassifyImages": grpc.stream_stream_rpc_method_handler(self.StreamClassifyImages),
        }


class ModelServicer(models_grpc.ModelServiceServicer):
    """digitserve.v1.ModelService."""

    def __init__(self, models: Models) -> None:
        self._models = models

    @reports_errors
    async def ListModels(
        self, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        """Every model version, whatever its state."""
        models = [
            codec.encode_model(entry, is_default=self._models.is_default(entry))
            for entry in self._models.list()
        ]
        return models_pb2.ListModelsResponse(models=models)

    @reports_errors
    async def GetModel(
        self, request: models_pb2.GetModelRequest, context: Context
    ) -> models_pb2.GetModelResponse:
        """One model version, whatever its state."""
        entry = self._models.find(request.name, request.version)
        model = codec.encode_model(entry, is_default=self._models.is_default(entry))
        return models_pb2.GetModelResponse(model=model)


async def _answer(question: Question, deadline: float, *, wait_for_room: bool = False) -> bytes:
    classify = question.model.async_batcher.classify
    return question.respond(await classify(question.images, deadline=deadline, wait_for_room=wait_for_room))


def _deadline(context: Context) -> float:
    """The caller's deadline as a time of the monotonic clock; without one, never."""
    remaining_s = context.time_remaining()
    return math.inf if remaining_s is None else time.monotonic() + remaining_s


def _status(error: Exception, context: Context) -> Status:
    return status_of(error, request_id(_sent_request_id(context)))


async def _abort(status: Status, context: Context) -> NoReturn:
    await context.abort(status.code, status.message, status.trailing_metadata)


def _sent_request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str):
            return value
    return ""
