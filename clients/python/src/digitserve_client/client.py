"""The client for ordinary, synchronous code."""

import contextlib
import copy
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from digitserve_client import channel
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
from digitserve_client.errors import ModelNotFound
from digitserve_client.images import (
    Array,
    ImageLike,
    Images,
    PictureOrArray,
    batches,
    many_images,
    one_image,
)
from digitserve_client.models import Health, Model
from digitserve_client.page import Page
from digitserve_client.results import Classification, Classifications
from digitserve_client.retry import RetryPolicy
from digitserve_client.sending import BackgroundCall, FailedInput, Running, in_order, send


class DigitClient:
    """Reads handwritten digits with a Digitserve server.

        with DigitClient() as client:
            print(client.classify("seven.png"))

    It may be shared by threads. It connects with the first call, and again whenever it has to.

    target: host:port of the server, or any gRPC name; several addresses behind one are used in turn.
    timeout_s: seconds each call has, its retries included.
    retry: when a call that failed is tried again.
    model, version: which model answers; by default the server's own default. A label such as "stable" may
        stand for a version.
    tls: True connects over TLS, to servers that a public authority vouches for; a `Tls` names others, and
        who this client is.
    token: shown to the server with every call; in the clear unless there is TLS.

    Images are (28, 28) or (N, 28, 28) arrays, white ink on black: uint8 0 to 255, any float 0 to 1, or bool
    (True is ink). A picture will do as well, with the extra `images` installed: a path, the bytes of an
    encoded picture, or a PIL image, of any size, dark on light or light on dark; see `imaging.to_mnist`.

    Every call raises CallError (see `errors`) when it fails for good, those with images also InvalidImage,
    and OSError for a file that cannot be opened. ValueError is raised for settings out of range.
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
        connected = channel.connected(self._config)
        self._connection = channel.Connection(lambda: connected)

    def with_model(self, model: str | None, version: str | int | None = None) -> Self:
        """A client that asks another model over the same connection; closing one of them closes both."""
        other = copy.copy(self)
        other._config = replace(self._config, model=model, version=version)
        other._calls = Calls(other._config)
        return other

    def classify(self, image: ImageLike, *, timeout_s: float | None = None) -> Classification:
        """What one image shows, with the probabilities of all digits."""
        return self._send(self._calls.classify(one_image(image), timeout_s))

    def classify_batch(
        self,
        images: Array | Iterable[ImageLike],
        *,
        probabilities: bool = False,
        timeout_s: float | None = None,
    ) -> Classifications:
        """What N images show, in their order: an (N, 28, 28) array, or a collection of arrays and pictures.

        More than 1,024 images go in several calls, a few of them at once; each has `timeout_s` for itself.
        """
        ready = many_images(images)
        if len(ready) <= CALL_ROWS:
            return self._send(self._calls.classify_batch(ready, timeout_s, probabilities=probabilities))
        stream = self._config.stream(probabilities, CALL_ROWS, IN_FLIGHT, timeout_s)
        parts = (ready[start : start + CALL_ROWS] for start in range(0, len(ready), CALL_ROWS))
        return Classifications.join(list(self._answers(parts, stream)))

    def classify_stream(
        self,
        images: Iterable[ImageLike],
        *,
        probabilities: bool = False,
        batch_rows: int = STREAM_ROWS,
        in_flight: int = IN_FLIGHT,
        timeout_s: float | None = None,
    ) -> Iterator[Classification]:
        """What each of many images shows, one by one, in their order; `images` may be endless.

        It is made of unary calls, each with a deadline and retries of its own, rather than of one
        streaming call: so it has no end it must reach in time, and a restart of the server loses nothing.

        Up to `batch_rows` images (1 to 4096) go in one call, and up to `in_flight` calls (1 to 64) are
        under way; no more than that is read ahead or kept in memory. For a camera, where each answer is
        wanted before the next image, both are 1. What `images` raises comes out after the answers to the
        images before; leaving the loop early cancels what is under way.
        """
        stream = self._config.stream(probabilities, batch_rows, in_flight, timeout_s)
        return self._one_by_one(batches(images, batch_rows), stream)

    def read(self, picture: PictureOrArray, *, timeout_s: float | None = None) -> Page:
        """The handwritten digits of a page, and the strings they form in reading order.

        picture: a photo or a scan of any size, dark on light or light on dark: a file, its bytes, a PIL
        image, or an array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16, bool, or floats from 0 to 1.
        It may be tilted by up to 15 degrees and unevenly lit, with printed lines, boxes, combs and text;
        digits may touch, or one number may fill it. A sheet whose four corners are seen may be seen aslant.
        Of the calls it takes, two for most pages, each has `timeout_s` for itself.
        Raises UnreadablePicture when it cannot be decoded; a page without digits has no strings.
        """
        from digitserve_client.pages import reading  # noqa: PLC0415  # needs OpenCV, which arrays do not

        step = reading.start(picture)
        while isinstance(step, reading.Question):
            step = step.answered(self.classify_batch(step.images, timeout_s=timeout_s))
        return step

    def models(self, *, timeout_s: float | None = None) -> list[Model]:
        """Every model version the server knows, the failed ones too."""
        return self._send(self._calls.models(timeout_s))

    def model(
        self,
        name: str | None = None,
        version: str | int | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Model:
        """One model version; without arguments the one that answers this client. Raises ModelNotFound."""
        return self._send(self._calls.model(name, version, timeout_s))

    def load_model(
        self,
        name: str | None = None,
        version: str | int | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Model:
        """Loads one version, or a whole model that was unloaded; for administrators. Raises ModelFailed."""
        return self._send(self._calls.load_model(name, version, timeout_s))

    def unload_model(
        self,
        name: str | None = None,
        version: str | int | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Model:
        """Unloads one version, or a whole model; for administrators. Calls under way are finished."""
        return self._send(self._calls.unload_model(name, version, timeout_s))

    def set_default(
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
        return self._send(self._calls.set_default(version, name, label, timeout_s))

    def rollback(self, name: str | None = None, *, timeout_s: float | None = None) -> Model:
        """Makes the version the default again that was it before; for administrators. Sent only once."""
        return self._send(self._calls.rollback(name, timeout_s))

    def health(self, service: str = "", *, timeout_s: float | None = None) -> Health:
        """Whether the server serves, or one service of it such as "digitserve.v1.DigitService".

        It is asked once, without retries: Unavailable is raised at once when there is no server.
        """
        try:
            return self._send(self._calls.health(service, timeout_s))
        except ModelNotFound:
            return Health.SERVICE_UNKNOWN

    def close(self) -> None:
        """Closes the connection; calls under way raise ClientClosed. Closing twice does no harm."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        closed = ", closed" if self._connection.closed else ""
        return f"<{type(self).__name__} of {self._config.target}{closed}>"

    def _one_by_one(self, parts: Iterator[Images], stream: StreamConfig) -> Iterator[Classification]:
        with contextlib.closing(self._answers(parts, stream)) as answers:
            for answer in answers:
                yield from answer

    def _answers(self, parts: Iterable[Images], stream: StreamConfig) -> Generator[Classifications]:
        return in_order(self._background_calls(parts, stream), stream.in_flight)

    def _background_calls(
        self, parts: Iterable[Images], stream: StreamConfig
    ) -> Iterator[Running[Classifications]]:
        try:
            for part in parts:
                call = self._calls.classify_batch(part, stream.timeout_s, probabilities=stream.probabilities)
                yield BackgroundCall(call, self._method)
        except Exception as error:
            yield FailedInput(error)

    def _send(self, call: Call[Answer]) -> Answer:
        with call.under_way() as sent:
            return send(sent, self._method)

    def _method(self, call: Call[Any]) -> Any:
        return self._connection.method(call.rpc)
