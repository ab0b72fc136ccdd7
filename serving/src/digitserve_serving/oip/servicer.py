"""inference.GRPCInferenceService, from bytes to bytes: so that what is no message is refused in our words."""

from collections.abc import AsyncIterator, Coroutine
from typing import Any

from digitserve.inference import grpc_service_pb2 as pb

from digitserve_serving.calls import answer, parsed
from digitserve_serving.contexts import (
    Call,
    Context,
    asked_with,
    call_status,
    deadline_of,
    reports_errors,
    stream_answers,
)
from digitserve_serving.errors import MAX_ECHOED, InvalidRequest
from digitserve_serving.models import Models, State
from digitserve_serving.oip import descriptions
from digitserve_serving.oip.answers import streamed
from digitserve_serving.oip.calls import InferCalls, check_named, find, ready
from digitserve_serving.services import INFERENCE_SERVICE
from digitserve_serving.settings import Settings
from digitserve_serving.streams import OpenStreams

IGNORED_PARAMETERS = {"unload_dependents"}  # no model has any


class InferenceServicer:
    """inference.GRPCInferenceService."""

    service = INFERENCE_SERVICE

    def __init__(self, models: Models, settings: Settings, streams: OpenStreams) -> None:
        self._models = models
        self._settings = settings
        self._streams = streams
        self.calls = models.calls
        self._requests = InferCalls(models, settings)

    @asked_with(pb.ServerLiveRequest)
    def ServerLive(self, _: pb.ServerLiveRequest) -> pb.ServerLiveResponse:
        """Who answers is alive."""
        return pb.ServerLiveResponse(live=True)

    @asked_with(pb.ServerReadyRequest)
    def ServerReady(self, _: pb.ServerReadyRequest) -> pb.ServerReadyResponse:
        """Whether every model has a version that answers."""
        ready = self._models.complete.is_set() and not self._models.draining.is_set()
        return pb.ServerReadyResponse(ready=ready)

    @asked_with(pb.ModelReadyRequest)
    def ModelReady(self, request: pb.ModelReadyRequest) -> pb.ModelReadyResponse:
        """Whether one model is ready."""
        entry = find(self._models, request.name, request.version)
        is_ready = entry.state is State.READY and not self._models.draining.is_set()
        return pb.ModelReadyResponse(ready=is_ready)

    @asked_with(pb.ServerMetadataRequest)
    def ServerMetadata(self, _: pb.ServerMetadataRequest) -> pb.ServerMetadataResponse:
        """What the server is."""
        return descriptions.server()

    @asked_with(pb.ModelMetadataRequest)
    def ModelMetadata(self, request: pb.ModelMetadataRequest) -> pb.ModelMetadataResponse:
        """The tensors of a model."""
        model = ready(self._models, request.name, request.version)
        entries = self._models.list()
        versions = [entry.version for entry in entries if entry.name == request.name and entry.ready]
        return descriptions.metadata(model.manifest, versions)

    @asked_with(pb.ModelConfigRequest)
    def ModelConfig(self, request: pb.ModelConfigRequest) -> pb.ModelConfigResponse:
        """How a model is configured."""
        model = ready(self._models, request.name, request.version)
        return descriptions.config(model.manifest, self._settings)

    @asked_with(pb.ModelStatisticsRequest)
    def ModelStatistics(self, request: pb.ModelStatisticsRequest) -> pb.ModelStatisticsResponse:
        """What models have done; all that are ready when none is named."""
        if request.name or request.version:
            asked = [ready(self._models, request.name, request.version)]
        else:
            asked = [entry.ready for entry in self._models.list() if entry.ready]
        return pb.ModelStatisticsResponse(
            model_stats=[
                descriptions.statistics(model.manifest, model.batcher.counts.now()) for model in asked
            ]
        )

    @asked_with(pb.RepositoryIndexRequest)
    def RepositoryIndex(self, request: pb.RepositoryIndexRequest) -> pb.RepositoryIndexResponse:
        """The model versions, or those that are ready."""
        _check_repository(request.repository_name)
        entries = self._models.list()
        return descriptions.index(
            [entry for entry in entries if entry.state is State.READY or not request.ready]
        )

    @asked_with(pb.RepositoryModelLoadRequest)
    async def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest
    ) -> pb.RepositoryModelLoadResponse:
        """Loads what the server loads of a model by itself."""
        self._check_controlled(request)
        await self._models.control.load(request.model_name, "")
        return pb.RepositoryModelLoadResponse()

    @asked_with(pb.RepositoryModelUnloadRequest)
    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest
    ) -> pb.RepositoryModelUnloadResponse:
        """Unloads a model, all of its versions."""
        self._check_controlled(request)
        await self._models.control.unload(request.model_name, "")
        return pb.RepositoryModelUnloadResponse()

    def _check_controlled(self, request: Any) -> None:
        """Of a request to load or unload a model. Raises InvalidRequest."""
        _check_repository(request.repository_name)
        check_named(self._models, request.model_name, "model_name")
        for name in request.parameters.keys() - IGNORED_PARAMETERS:
            raise InvalidRequest(f"parameters[{name[:MAX_ECHOED]!r}]", "is nothing that this server can do")

    @reports_errors
    async def ModelInfer(self, payload: bytes, context: Context) -> bytes:
        """Asks a model."""
        return await answer(self._requests.infer(payload), deadline_of(context))

    async def ModelStreamInfer(self, _: Any, context: Context) -> AsyncIterator[bytes]:
        """Asks a model with each request of a stream; where a single call is refused, a stream waits."""
        deadline = deadline_of(context)
        call = Call(f"{self.service}/ModelStreamInfer", self.calls, context)

        def answer_to(payload: bytes) -> Coroutine[Any, Any, bytes]:
            return self._stream_answer(payload, deadline, context)

        async for response in stream_answers(call, context, answer_to, self._streams, self._models):
            yield response

    async def _stream_answer(self, payload: bytes, deadline: float, context: Context) -> bytes:
        """The answer to one request; its failure is one, too, and the stream goes on."""
        try:
            return streamed(await answer(self._requests.infer(payload), deadline, wait_for_room=True))
        except Exception as error:
            status = call_status(error, context)
        self.calls.refused(status)
        return pb.ModelStreamInferResponse(
            error_message=status.message, infer_response=pb.ModelInferResponse(id=_id_of(payload))
        ).SerializeToString()


def _check_repository(name: str) -> None:
    if name:
        raise InvalidRequest("repository_name", "is not empty; this server has one repository, unnamed")


def _id_of(payload: bytes) -> str:
    """The id of a request that failed, as far as it can be read."""
    try:
        return str(parsed(pb.ModelInferRequest, payload, len(payload)).id)
    except InvalidRequest:
        return ""
