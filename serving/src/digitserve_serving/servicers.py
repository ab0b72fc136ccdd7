"""The services: decode, ask the model, encode. All the rest is somebody else's."""

from collections.abc import AsyncIterator, Coroutine
from typing import Any

from digitserve.v1 import model_service_pb2 as models_pb2

from digitserve_serving import codec
from digitserve_serving.calls import Calls, answer
from digitserve_serving.contexts import Call, Context, asked_with, deadline_of, reports_errors, stream_answers
from digitserve_serving.models import Entry, Models
from digitserve_serving.services import DIGIT_SERVICE, MODEL_SERVICE
from digitserve_serving.settings import Settings
from digitserve_serving.streams import OpenStreams


class DigitServicer:
    """digitserve.v1.DigitService, from bytes to bytes."""

    service = DIGIT_SERVICE

    def __init__(self, models: Models, settings: Settings, streams: OpenStreams) -> None:
        self.calls = models.calls
        self._models = models
        self._requests = Calls(models, settings)
        self._streams = streams

    @reports_errors
    async def ClassifyImage(self, payload: bytes, context: Context) -> bytes:
        """Classifies one image."""
        return await answer(self._requests.image(payload), deadline_of(context))

    @reports_errors
    async def BatchClassifyImages(self, payload: bytes, context: Context) -> bytes:
        """Classifies many images with one call."""
        return await answer(self._requests.batch(payload), deadline_of(context))

    async def StreamClassifyImages(self, _: Any, context: Context) -> AsyncIterator[bytes]:
        """Classifies a stream of batches, in order. Where a single call is refused, a stream waits."""
        deadline = deadline_of(context)
        call = Call(f"{self.service}/StreamClassifyImages", self.calls, context)

        def answer_to(payload: bytes) -> Coroutine[Any, Any, bytes]:
            return answer(self._requests.stream(payload), deadline, wait_for_room=True)

        async for response in stream_answers(call, context, answer_to, self._streams, self._models):
            yield response


class ModelServicer:
    """digitserve.v1.ModelService, from bytes to bytes."""

    service = MODEL_SERVICE

    def __init__(self, models: Models) -> None:
        self.calls = models.calls
        self._models = models

    @asked_with(models_pb2.ListModelsRequest)
    def ListModels(self, _: models_pb2.ListModelsRequest) -> models_pb2.ListModelsResponse:
        """Every model version, whatever its state."""
        return models_pb2.ListModelsResponse(models=[self._described(entry) for entry in self._models.list()])

    @asked_with(models_pb2.GetModelRequest)
    def GetModel(self, request: models_pb2.GetModelRequest) -> models_pb2.GetModelResponse:
        """One model version, whatever its state."""
        entry = self._models.find(request.name, request.version)
        return models_pb2.GetModelResponse(model=self._described(entry))

    @asked_with(models_pb2.LoadModelRequest)
    async def LoadModel(self, request: models_pb2.LoadModelRequest) -> models_pb2.LoadModelResponse:
        """Loads a version, or a whole model."""
        entry = await self._models.control.load(request.name, request.version)
        return models_pb2.LoadModelResponse(model=self._described(entry))

    @asked_with(models_pb2.UnloadModelRequest)
    async def UnloadModel(self, request: models_pb2.UnloadModelRequest) -> models_pb2.UnloadModelResponse:
        """Unloads a version, or a whole model."""
        entry = await self._models.control.unload(request.name, request.version)
        return models_pb2.UnloadModelResponse(model=self._described(entry))

    @asked_with(models_pb2.SetDefaultRequest)
    async def SetDefault(self, request: models_pb2.SetDefaultRequest) -> models_pb2.SetDefaultResponse:
        """Chooses the default version, or the one that a label stands for."""
        entry = await self._models.control.set_default(request.name, request.version, request.label)
        return models_pb2.SetDefaultResponse(model=self._described(entry))

    @asked_with(models_pb2.RollbackRequest)
    async def Rollback(self, request: models_pb2.RollbackRequest) -> models_pb2.RollbackResponse:
        """Goes back to the default of before."""
        entry = await self._models.control.rollback(request.name)
        return models_pb2.RollbackResponse(model=self._described(entry))

    def _described(self, entry: Entry) -> models_pb2.Model:
        return codec.encode_model(entry, is_default=self._models.is_default(entry))
