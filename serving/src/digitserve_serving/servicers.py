"""The services: decode, ask the model, encode. All the rest is somebody else's."""

import functools
import math
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc.aio
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve.v1 import model_service_pb2_grpc as models_grpc

from digitserve_serving import codec
from digitserve_serving.errors import TooManyStreams
from digitserve_serving.models import Models
from digitserve_serving.settings import Settings
from digitserve_serving.status import REQUEST_ID_KEY, status_of
from digitserve_serving.streams import answers_in_order

Context = grpc.aio.ServicerContext[Any, Any]
Response = TypeVar("Response")
ColumnsRequest = digits_pb2.BatchClassifyImagesRequest | digits_pb2.StreamClassifyImagesRequest
REQUEST_ID = re.compile(r"[!-~]{1,128}")  # printable, and short enough to be logged


def reports_errors(
    method: Callable[[Any, Any, Context], Awaitable[Response]],
) -> Callable[[Any, Any, Context], Awaitable[Response]]:
    """Answers a unary call that raises with the error's status."""

    @functools.wraps(method)
    async def call(self: Any, request: Any, context: Context) -> Response:
        try:
            return await method(self, request, context)
        except Exception as error:
            await _abort(context, error)

    return call


class DigitServicer(digits_grpc.DigitServiceServicer):
    """digitserve.v1.DigitService."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self._models = models
        self._max_rows = settings.max_rows_per_call
        self._max_streams = settings.max_streams
        self._streams = 0

    @reports_errors
    async def ClassifyImage(
        self, request: digits_pb2.ClassifyImageRequest, context: Context
    ) -> digits_pb2.ClassifyImageResponse:
        """Classifies one image."""
        model = self._models.ready(request.model.name, request.model.version)
        image = codec.decode_image(request.pixels, model.manifest)
        rows = await model.batcher.submit(image, deadline=_deadline(context))
        return digits_pb2.ClassifyImageResponse(
            classification=codec.encode_classification(rows[0], model.manifest),
            model=codec.encode_version(model.manifest),
        )

    @reports_errors
    async def BatchClassifyImages(
        self, request: digits_pb2.BatchClassifyImagesRequest, context: Context
    ) -> digits_pb2.BatchClassifyImagesResponse:
        """Classifies many images with one call."""
        columns, model = await self._columns(request, _deadline(context), wait_for_room=False)
        return digits_pb2.BatchClassifyImagesResponse(classifications=columns, model=model)

    async def StreamClassifyImages(
        self, request_iterator: AsyncIterator[digits_pb2.StreamClassifyImagesRequest], context: Context
    ) -> AsyncIterator[digits_pb2.StreamClassifyImagesResponse]:
        """Classifies a stream of batches, in order. Where a single call is refused, a stream waits."""
        deadline = _deadline(context)

        async def answer(
            request: digits_pb2.StreamClassifyImagesRequest,
        ) -> digits_pb2.StreamClassifyImagesResponse:
            columns, model = await self._columns(request, deadline, wait_for_room=True)
            return digits_pb2.StreamClassifyImagesResponse(classifications=columns, model=model)

        self._streams += 1
        try:
            if self._streams > self._max_streams:
                raise TooManyStreams(self._max_streams)
            async for response in answers_in_order(request_iterator, answer, self._models.draining):
                yield response
        except Exception as error:
            await _abort(context, error)
        finally:
            self._streams -= 1

    async def _columns(
        self, request: ColumnsRequest, deadline: float, *, wait_for_room: bool
    ) -> tuple[digits_pb2.ClassificationColumns, digits_pb2.ModelVersion]:
        model = self._models.ready(request.model.name, request.model.version)
        images = codec.decode_images(request.pixels, model.manifest, self._max_rows)
        rows = await model.batcher.submit(images, deadline=deadline, wait_for_room=wait_for_room)
        columns = codec.encode_columns(
            rows, model.manifest, include_probabilities=request.include_probabilities
        )
        return columns, codec.encode_version(model.manifest)


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


def _deadline(context: Context) -> float:
    """The caller's deadline as a time of the monotonic clock; without one, never."""
    remaining_s = context.time_remaining()
    return math.inf if remaining_s is None else time.monotonic() + remaining_s


async def _abort(context: Context, error: Exception) -> NoReturn:
    status = status_of(error, _request_id(context))
    await context.abort(status.code, status.message, status.trailing_metadata)


def _request_id(context: Context) -> str:
    """The caller's request id when it is a decent one, else a new one."""
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and REQUEST_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex
