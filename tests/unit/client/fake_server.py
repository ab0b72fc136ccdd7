"""A server in this process, on a real port, that answers what a test tells it to."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
import numpy as np
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve.v1 import model_service_pb2_grpc as models_grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from numpy.typing import NDArray

PATIENCE_S = 20
Context = Any


@dataclass(frozen=True)
class Failure:
    """An answer that is an error, with the details the server would send."""

    code: grpc.StatusCode
    message: str = "scripted"
    reason: str = ""
    details: tuple[Any, ...] = ()
    request_id: str = "r-1"

    def trailers(self) -> tuple[tuple[str, Any], ...]:
        if not self.reason:
            return ()
        info = error_details_pb2.ErrorInfo(
            reason=self.reason, domain="digitserve", metadata={"request_id": self.request_id}
        )
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in (info, *self.details):
            status.details.add().Pack(detail)
        return (("grpc-status-details-bin", status.SerializeToString()), ("x-request-id", self.request_id))


def retry_info(delay_s: float) -> Any:
    delay = Duration()
    delay.FromNanoseconds(round(delay_s * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


LOADING = Failure(grpc.StatusCode.UNAVAILABLE, "still loading", "MODEL_LOADING", (retry_info(0.001),))
QUEUE_FULL = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "queue full", "QUEUE_FULL", (retry_info(0.001),))


def digit_images(count: int) -> NDArray[np.uint8]:
    """Image i, which the fake reads as the digit i % 10 with a confidence of 0.9; every seventh with 0.3."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(count) % 10
    images[:, 0, 1] = np.where(np.arange(count) % 7, 90, 30)
    return images


@dataclass
class FakeServer(digits_grpc.DigitServiceServicer, models_grpc.ModelServiceServicer):
    """Reads the digit off the first pixel of an image and its confidence, in percent, off the second.

    script: failures to answer with first, by rpc. refused: which requests always fail, and how.
    requests: all that came, by rpc.
    version_of: the model version that answers the n-th batch, from 0. damage: done to answers to batches.
    """

    script: dict[str, deque[Failure]] = field(default_factory=lambda: defaultdict(deque))
    refused: dict[str, tuple[Callable[[Any], bool], Failure]] = field(default_factory=dict)
    requests: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    timeouts_s: list[float] = field(default_factory=list)
    models: list[models_pb2.Model] = field(default_factory=list)
    version_of: Callable[[int], str] = lambda batch: "1"
    damage: Callable[[digits_pb2.BatchClassifyImagesResponse], object] = id
    running: int = 0
    cancelled: int = 0
    most_running: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._let_through: Callable[[Any], bool] = bool
        self._open = threading.Event()
        self._open.set()
        self._health = health.HealthServicer()
        self._server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
        digits_grpc.add_DigitServiceServicer_to_server(self, self._server)
        models_grpc.add_ModelServiceServicer_to_server(self, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self, grace_s: float = 0) -> None:
        """Refuses new calls, and cancels those that are not answered in time."""
        self._open.set()
        self._server.stop(grace_s).wait()

    def fail(self, rpc: str, *failures: Failure) -> None:
        self.script[rpc].extend(failures)

    def fail_when(self, rpc: str, refuse: Callable[[Any], bool], failure: Failure) -> None:
        self.refused[rpc] = (refuse, failure)

    def set_health(self, service: str, status: int) -> None:
        self._health.set(service, health_pb2.HealthCheckResponse.ServingStatus.Name(status))

    def hold(self, *, unless: Callable[[Any], bool] = lambda request: False) -> None:
        """Answers nothing from now on, except the requests of which `unless` is true."""
        self._let_through = unless
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def wait_until(self, true: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(true, PATIENCE_S), "it never came true"

    def ClassifyImage(
        self, request: digits_pb2.ClassifyImageRequest, context: Context
    ) -> digits_pb2.ClassifyImageResponse:
        self._begin("ClassifyImage", request, context)
        digit, confidence = request.pixels[0], request.pixels[1] / 100
        return digits_pb2.ClassifyImageResponse(
            classification=digits_pb2.Classification(
                digit=digit,
                label=f"the {digit}",
                confidence=confidence,
                probabilities=[confidence if each == digit else (1 - confidence) / 9 for each in range(10)],
                needs_review=confidence < 0.5,
            ),
            model=digits_pb2.ModelVersion(name="digits", version="1"),
        )

    def BatchClassifyImages(
        self, request: digits_pb2.BatchClassifyImagesRequest, context: Context
    ) -> digits_pb2.BatchClassifyImagesResponse:
        batch = self._begin("BatchClassifyImages", request, context)
        images = np.frombuffer(request.pixels, np.uint8).reshape(-1, 784)
        digits, confidences = images[:, 0], images[:, 1] / 100
        probabilities = np.where(np.arange(10) == digits[:, None], confidences[:, None], 0.0)
        answer = digits_pb2.BatchClassifyImagesResponse(
            classifications=digits_pb2.ClassificationColumns(
                digits=digits.tobytes(),
                confidences=confidences,
                needs_review_indices=np.flatnonzero(confidences < 0.5),
                probabilities=probabilities.ravel() if request.include_probabilities else None,
            ),
            model=digits_pb2.ModelVersion(name="digits", version=self.version_of(batch)),
        )
        self.damage(answer)
        return answer

    def StreamClassifyImages(self, request_iterator: Any, context: Context) -> Iterator[Any]:
        raise NotImplementedError

    def ListModels(
        self, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        self._begin("ListModels", request, context)
        return models_pb2.ListModelsResponse(models=self.models)

    def GetModel(self, request: models_pb2.GetModelRequest, context: Context) -> models_pb2.GetModelResponse:
        self._begin("GetModel", request, context)
        return models_pb2.GetModelResponse(model=self.models[0])

    def LoadModel(
        self, request: models_pb2.LoadModelRequest, context: Context
    ) -> models_pb2.LoadModelResponse:
        self._begin("LoadModel", request, context)
        return models_pb2.LoadModelResponse(model=self.models[0])

    def UnloadModel(
        self, request: models_pb2.UnloadModelRequest, context: Context
    ) -> models_pb2.UnloadModelResponse:
        self._begin("UnloadModel", request, context)
        return models_pb2.UnloadModelResponse(model=self.models[0])

    def SetDefault(
        self, request: models_pb2.SetDefaultRequest, context: Context
    ) -> models_pb2.SetDefaultResponse:
        self._begin("SetDefault", request, context)
        return models_pb2.SetDefaultResponse(model=self.models[0])

    def Rollback(self, request: models_pb2.RollbackRequest, context: Context) -> models_pb2.RollbackResponse:
        self._begin("Rollback", request, context)
        return models_pb2.RollbackResponse(model=self.models[0])

    def _begin(self, rpc: str, request: Any, context: Context) -> int:
        """Takes note of a call, holds it while calls are held, and fails it when the script says so."""
        with self._changed:
            self.requests[rpc].append(request)
            self.timeouts_s.append(context.time_remaining())
            number = len(self.requests[rpc]) - 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            self._changed.notify_all()
        if not context.add_callback(lambda: self._ended(context)):
            self._ended(context)  # it is over already
        if not self._let_through(request):
            self._open.wait(PATIENCE_S)
        if self.script[rpc]:
            self._abort(context, self.script[rpc].popleft())
        if rpc in self.refused and self.refused[rpc][0](request):
            self._abort(context, self.refused[rpc][1])
        return number

    def _ended(self, context: Context) -> None:
        with self._changed:
            self.running -= 1
            self.cancelled += context.code() is None
            self._changed.notify_all()

    def _abort(self, context: Context, failure: Failure) -> NoReturn:
        context.set_trailing_metadata(failure.trailers())
        context.abort(failure.code, failure.message)
        raise AssertionError("abort raises")
