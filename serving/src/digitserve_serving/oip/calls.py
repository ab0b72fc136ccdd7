"""What ModelInfer is asked, and how it answers, whatever carries the calls."""

import functools

from digitserve.inference import grpc_service_pb2 as pb

from digitserve_serving.calls import Question, parsed
from digitserve_serving.errors import InvalidRequest, ModelFailed, ModelNotServed
from digitserve_serving.fields import delimited
from digitserve_serving.models import Entry, Models, ReadyModel
from digitserve_serving.oip.requests import read_input, wants_numbers
from digitserve_serving.oip.tensors import Described, described
from digitserve_serving.runtime import Probabilities
from digitserve_serving.settings import Settings

# Of the answers in a stream: each request has one, which is its last.
FINAL = pb.ModelInferResponse(
    parameters={"triton_final_response": pb.InferParameter(bool_param=True)}
).SerializeToString()


class InferCalls:
    """Reads requests of ModelInfer."""

    def __init__(self, models: Models, settings: Settings) -> None:
        self._models = models
        self._max_rows = settings.max_rows_per_call
        self._max_bytes = settings.max_message_bytes
        self._tensors = functools.lru_cache(_tensors)

    def infer(self, payload: bytes) -> Question:
        """Reads a ModelInferRequest.

        Raises InvalidRequest, MessageTooLarge, and what the state of the model asked for raises.
        """
        request = parsed(pb.ModelInferRequest, payload, self._max_bytes)
        model = ready(self._models, request.model_name, request.model_version, field="model_name")
        taken, given = self._tensors(model)
        rows = read_input(request, taken, self._max_rows)
        about = pb.ModelInferResponse(
            model_name=model.manifest.name, model_version=model.manifest.version, id=request.id
        )
        respond = functools.partial(_response, about, given, numbers=wants_numbers(request, given))
        return Question(model, rows, respond)


def find(models: Models, name: str, version: str) -> Entry:
    """The model version that is named. Raises InvalidRequest when none is, and ModelNotFound."""
    _check_named(models, name, "name")
    return models.find(name, version)


def ready(models: Models, name: str, version: str, *, field: str = "name") -> ReadyModel:
    """The model that answers. Raises what `find` raises, ModelLoading, ModelNotServed and Draining."""
    _check_named(models, name, field)
    try:
        return models.ready(name, version)
    except ModelFailed as error:
        raise ModelNotServed(error) from error


def _check_named(models: Models, name: str, field: str) -> None:
    if not name:
        known = ", ".join(sorted({entry.name for entry in models.list()}))
        raise InvalidRequest(field, f"is empty; this server has {known}")


def streamed(response: bytes) -> bytes:
    """The ModelStreamInferResponse around a ModelInferResponse."""
    number = pb.ModelStreamInferResponse.INFER_RESPONSE_FIELD_NUMBER
    return delimited(number, response + FINAL)


def _tensors(model: ReadyModel) -> tuple[Described, Described]:
    return described(model.manifest.input), described(model.manifest.output)


def _response(about: pb.ModelInferResponse, given: Described, rows: Probabilities, *, numbers: bool) -> bytes:
    tensor = about.outputs.add(name=given.name, datatype=given.elements.datatype, shape=rows.shape)
    if numbers:
        getattr(tensor.contents, given.elements.contents).extend(rows.ravel().tolist())
    else:
        about.raw_output_contents.append(rows.tobytes())
    return about.SerializeToString()
