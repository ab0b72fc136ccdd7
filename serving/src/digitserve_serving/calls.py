"""What DigitService is asked, and how it answers, whatever carries the calls."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from digitserve.v1 import digit_service_pb2 as digits_pb2
from google.protobuf.message import DecodeError

from digitserve_serving.access.guard import take_rows
from digitserve_serving.codec import ModelCodec
from digitserve_serving.errors import InvalidRequest, MessageTooLarge
from digitserve_serving.models import Models, ReadyModel
from digitserve_serving.runtime import Images, Probabilities
from digitserve_serving.settings import Settings

Respond = Callable[[Probabilities], bytes]


class Question(NamedTuple):
    """What a request asks: images (N, height, width) of a model. `respond` writes the answer."""

    model: ReadyModel
    images: Images
    respond: Respond


Read = Callable[[bytes], Question]


async def answer(question: Question, deadline: float, *, wait_for_room: bool = False) -> bytes:
    """Asks the model, for whoever calls. Raises RateExceeded, and what AsyncBatcher.classify raises."""
    await take_rows(len(question.images), wait=wait_for_room)
    classify = question.model.async_batcher.classify
    return question.respond(await classify(question.images, deadline=deadline, wait_for_room=wait_for_room))


def parsed(kind: Any, payload: bytes, max_bytes: int) -> Any:
    """A message of `kind`. Raises InvalidRequest when the payload is none, and MessageTooLarge."""
    if len(payload) > max_bytes:  # grpcio has seen to that already
        raise MessageTooLarge(len(payload), max_bytes)
    try:
        return kind.FromString(payload)
    except DecodeError as error:
        raise InvalidRequest("request", f"cannot be read as {kind.DESCRIPTOR.full_name}") from error


class Calls:
    """Reads requests of DigitService.

    Each method raises InvalidRequest, MessageTooLarge, and what the state of the model asked for raises.
    """

    def __init__(self, models: Models, settings: Settings) -> None:
        self._models = models
        self._max_rows = settings.max_rows_per_call
        self._max_bytes = settings.max_message_bytes
        self._codecs: WeakKeyDictionary[ReadyModel, ModelCodec] = WeakKeyDictionary()  # a model must go

    def image(self, payload: bytes) -> Question:
        """Reads a ClassifyImageRequest."""
        request = parsed(digits_pb2.ClassifyImageRequest, payload, self._max_bytes)
        asked = request.model
        model = self._models.ready(asked.name, asked.version)
        codec = self._codecs.get(model) or self._new_codec(model)
        return Question(model, codec.decode_image(request.pixels), codec.classification)

    def batch(self, payload: bytes) -> Question:
        """Reads a BatchClassifyImagesRequest."""
        return self._columns(parsed(digits_pb2.BatchClassifyImagesRequest, payload, self._max_bytes))

    def stream(self, payload: bytes) -> Question:
        """Reads a StreamClassifyImagesRequest."""
        return self._columns(parsed(digits_pb2.StreamClassifyImagesRequest, payload, self._max_bytes))

    def _columns(self, request: Any) -> Question:
        asked = request.model
        model = self._models.ready(asked.name, asked.version)
        codec = self._codecs.get(model) or self._new_codec(model)
        images = codec.decode_images(request.pixels, self._max_rows)
        respond = functools.partial(codec.columns, include_probabilities=request.include_probabilities)
        return Question(model, images, respond)

    def _new_codec(self, model: ReadyModel) -> ModelCodec:
        return self._codecs.setdefault(model, ModelCodec(model.manifest))
