"""What ModelInfer is asked, and how it answers, whatever carries the calls."""

import functools
from typing import NamedTuple
from weakref import WeakKeyDictionary

from digitserve.inference import grpc_service_pb2 as pb

from digitserve_serving.calls import Question, parsed
from digitserve_serving.errors import InvalidRequest, ModelFailed, ModelNotLoaded, ModelNotServed
from digitserve_serving.models import Entry, Models, ReadyModel
from digitserve_serving.oip.answers import Answers
from digitserve_serving.oip.requests import read_input, wants_numbers
from digitserve_serving.oip.tensors import Described, described
from digitserve_serving.settings import Settings


class _Codec(NamedTuple):
    """Between the wire and numpy, for one model."""

    taken: Described
    given: Described
    answers: Answers


class InferCalls:
    """Reads requests of ModelInfer."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self._models = models
        self._max_rows = settings.max_rows_per_call
        self._max_bytes = settings.max_message_bytes
        self._codecs: WeakKeyDictionary[ReadyModel, _Codec] = WeakKeyDictionary()  # a model must go

    def infer(self, payload: bytes) -> Question:
        """Reads a ModelInferRequest.

        Raises InvalidRequest, MessageTooLarge, and what the state of the model asked for raises.
        """
        request = parsed(pb.ModelInferRequest, payload, self._max_bytes)
        model = ready(self._models, request.model_name, request.model_version, field="model_name")
        taken, given, answers = self._codecs.get(model) or self._codecs.setdefault(model, _codec(model))
        rows = read_input(request, taken, self._max_rows)
        write = answers.in_numbers if wants_numbers(request, given) else answers.in_bytes
        respond = functools.partial(write, request_id=request.id)
        return Question(model, rows, respond)


def find(models: Models, name: str, version: str) -> Entry:
    """The model version that is named. Raises InvalidRequest when none is, and ModelNotFound."""
    check_named(models, name, "name")
    return models.find(name, version)


def ready(models: Models, name: str, version: str, *, field: str = "name") -> ReadyModel:
    """The model that answers. Raises what `find` raises, ModelLoading, ModelNotServed and Draining."""
    check_named(models, name, field)
    try:
        return models.ready(name, version)
    except (ModelFailed, ModelNotLoaded) as error:
        raise ModelNotServed(error) from error


def check_named(models: Models, name: str, field: str) -> None:
    """Raises InvalidRequest when no model is named."""
    if not name:
        known = ", ".join(sorted({entry.name for entry in models.list()}))
        raise InvalidRequest(field, f"is empty; this server has {known}")


def _codec(model: ReadyModel) -> _Codec:
    manifest = model.manifest
    return _Codec(described(manifest.input), described(manifest.output), Answers(manifest))
