"""The client for asyncio."""

import asyncio
import contextlib
import copy
import functools
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine, Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from digitserve_client import channel
from digitserve_client.async_sending import fail, in_order, send
from digitserve_client.calls import Answer, Call, Calls
from digitserve_client.config import (
    CALL_ROWS,
    DEFAULT_RETRY,
    DEFAULT_TARGET,
    DEFAULT_TIMEOUT_S,
    IN_FLIGHT,
    STREAM_ROWS,
    ClientConfig,
    StreamConfig,
)
from digitserve_client.credentials import Tls
from digitserve_client.errors import ClientClosed, ModelNotFound
from digitserve_client.images import (
    Array,
    ImageBuffer,
    ImageLike,
    Images,
    PictureOrArray,
    Ready,
    images_of,
    is_alone,
    is_row,
    many_images,
    one_image,
)
from digitserve_client.models import Health, Model
from digitserve_client.page import Page
from digitserve_client.results import Classification, Classifications
from digitserve_client.retry import RetryPolicy


class AsyncDigitClient:
    """Reads handwritten digits with a Digitserve server, from asyncio.

        async with AsyncDigitClient() as client:
            print(await client.classify("seven.png"))

    Arguments, images, answers and errors are those of `DigitClient`. A client belongs to the event loop
    of its first call; it may be made before there is one.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        retry: RetryPolicy = DEFAULT_RETRY,
        model: str | None = None,
        version: str | int | None = None,
        tls: bool | Tls = False,
        token: str | None = None,
    ) -> None:
        self._config = ClientConfig(
            target=target,
            timeout_s=timeout_s,
            retry=retry,
            model=model,
            version=version,
            tls=tls,
            token=token,
        )
        self._calls = Calls(self._config)
        self._connection = channel.Connection(functools.partial(channel.aio_connected, self._config))

    def with_model(self, model: str | None, version: str | int | None = None) -> Self:
        """A client that asks another model over the same connection; closing one of them closes both."""
        other = copy.copy(self)
        other._config = replace(self._config, model=model, version=version)
        other._calls = Calls(other._config)
        return other

    async def classify(self, image: ImageLike, *, timeout_s: float | None = None) -> Classification:
        """What one image shows, with the probabilities of all digits."""
        ready = await _prepared(one_image, image)
        return await self._send(self._calls.classify(ready, timeout_s))

    async def classify_batch(
        self,
        images: Array | Iterable[ImageLike],
        *,
        probabilities: bool = False,
        timeout_s: float | None = None,
    ) -> Classifications:
        """What N images show, in their order; see `DigitClient.classify_batch`."""
        ready = await _prepared(many_images, images)
        if len(ready) <= CALL_ROWS:
            return await self._send(self._calls.classify_batch(ready, timeout_s, probabilities=probabilities))
        stream = self._config.stream(probabilities, CALL_ROWS, IN_FLIGHT, timeout_s)
        async with contextlib.aclosing(self._answers([ready], stream)) as answers:
            return Classifications.join([answer async for answer in answers])

    def classify_stream(
        self,
        images: Iterable[ImageLike] | AsyncIterable[ImageLike],
        *,
        probabilities: bool = False,
        batch_rows: int = STREAM_ROWS,
        in_flight: int = IN_FLIGHT,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Classification]:
        """What each of many images shows, one by one, in their order; `images` may be endless.

        As `DigitClient.classify_stream`, and for the same reason made of unary calls. `images` may be
        an async iterable; an ordinary one must not block.
        """
        stream = self._config.stream(probabilities, batch_rows, in_flight, timeout_s)
        return self._one_by_one(images, stream)

    async def read(self, picture: PictureOrArray, *, timeout_s: float | None = None) -> Page:
        """The digits of a page, and the strings they form; see `DigitClient.read`."""
        from digitserve_client.pages import reading  # noqa: PLC0415  # needs OpenCV, which arrays do not

        step = await asyncio.to_thread(reading.start, picture)
        while isinstance(step, reading.Question):
            answers = await self.classify_batch(step.images, timeout_s=timeout_s)
            step = await asyncio.to_thread(step.answered, answers)
        return step

    async def models(self, *, timeout_s: float | None = None) -> list[Model]:
        """Every model version the server knows, the failed ones too."""
        return await self._send(self._calls.models(timeout_s))

    async def model(
        self,
        name: str | None = None,
        version: str | int | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Model:
        """One model version; without arguments the one that answers this client. Raises ModelNotFound."""
        return await self._send(self._calls.model(name, version, timeout_s))

    async def load_model(
        self,
        name: str | None = None,
        version: str | int | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Model:
        """Loads one version, or a whole model that was unloaded; for administrators. Raises ModelFailed."""
        return await self._send(self._calls.load_model(name, version, timeout_s))

    async def unload_model(
        self,
        name: str | None = None,
        version: str | int | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Model:
        """Unloads one version, or a whole model; for administrators. Calls under way are finished."""
        return await self._send(self._calls.unload_model(name, version, timeout_s))

    async def set_default(
        self,
        version: str | int | None,
        *,
        name: str | None = None,
        label: str | None = None,
        timeout_s: float | None = None,
    ) -> Model:
        """Makes a version the default of its model, or lets `label` stand for it; for administrators.

        With None as version the server chooses the default by itself again, or the label is removed.
        """
        return await self._send(self._calls.set_default(version, name, label, timeout_s))

    async def rollback(self, name: str | None = None, *, timeout_s: float | None = None) -> Model:
        """Makes the version the default again that was it before; for administrators. Sent only once."""
        return await self._send(self._calls.rollback(name, timeout_s))

    async def health(self, service: str = "", *, timeout_s: float | None = None) -> Health:
        """Whether the server serves, or one service of it; see `DigitClient.health`."""
        try:
            return await self._send(self._calls.health(service, timeout_s))
        except ModelNotFound:
            return Health.SERVICE_UNKNOWN

    async def close(self) -> None:
        """Closes the connection; calls under way raise ClientClosed. Closing twice does no harm."""
        if closing := self._connection.close():
            await closing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        closed = ", closed" if self._connection.closed else ""
        return f"<{type(self).__name__} of {self._config.target}{closed}>"

    async def _one_by_one(
        self, images: Iterable[ImageLike] | AsyncIterable[ImageLike], stream: StreamConfig
    ) -> AsyncGenerator[Classification]:
        async with contextlib.aclosing(self._answers(images, stream)) as answers:
            async for answer in answers:
                for classification in answer:
                    yield classification

    def _answers(
        self, images: Iterable[Ready] | AsyncIterable[ImageLike], stream: StreamConfig
    ) -> AsyncGenerator[Classifications]:
        return in_order(self._sendings(images, stream), stream.in_flight)

    async def _sendings(
        self, images: Iterable[Ready] | AsyncIterable[ImageLike], stream: StreamConfig
    ) -> AsyncIterator[Coroutine[Any, Any, Classifications]]:
        try:
            async for batch in _batches(images, stream.batch_rows):
                call = self._calls.classify_batch(batch, stream.timeout_s, probabilities=stream.probabilities)
                yield self._send(call)
        except Exception as error:
            yield fail(error)

    async def _send(self, call: Call[Answer]) -> Answer:
        try:
            with call.under_way() as sent:
                return await send(sent, self._method)
        except asyncio.CancelledError:
            # Closing the channel cancels its calls: that is an error of theirs, not the end of this task.
            if self._connection.closed and not _is_being_cancelled():
                raise ClientClosed from None
            raise

    def _method(self, call: Call[Any]) -> Any:
        return self._connection.method(call.rpc)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _prepared(prepare: Any, images: Any) -> Images:
    """Arrays at once; pictures, which are read and decoded, in a thread."""
    if isinstance(images, np.ndarray | Images):
        return prepare(images)  # type: ignore[no-any-return]
    return await asyncio.to_thread(prepare, images)


async def _batches(
    images: Iterable[Ready] | AsyncIterable[ImageLike], batch_rows: int
) -> AsyncIterator[Images]:
    """As `images.batches`, for both kinds of iterables."""
    buffer = ImageBuffer(batch_rows)
    try:
        async for image in _each(images):
            if not is_row(image):
                for batch in buffer.add(await _prepared(images_of, image)):
                    yield batch
            elif buffer.put(image):
                for batch in buffer.flush():
                    yield batch
    except Exception:
        for batch in buffer.flush():
            yield batch
        raise
    for batch in buffer.flush():
        yield batch


async def _each(
    images: Iterable[Ready] | AsyncIterable[ImageLike],
) -> AsyncIterator[Ready]:
    if isinstance(images, AsyncIterable):
        async for image in images:
            yield image
    else:
        for each in [images] if is_alone(images) else images:
            yield each
