"""The HTTP API: what /v1 and /healthz answer."""

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from digitserve_client import AsyncDigitClient, CallError, Classification, Health, Model
from digitserve_client.config import model_and_version
from digitserve_client.findings import PreparedPicture
from digitserve_client.results import DECIMALS
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digitserve_web.errors import WrongQuery
from digitserve_web.pages import Reading
from digitserve_web.pictures import Preparation, as_png
from digitserve_web.uploads import Upload, Uploads

HEALTH_TIMEOUT_S = 2.0
PICTURE_FORMS = ("none", "png", "pixels")
ANNOTATIONS = ("none", "png")
NOT_KEPT = {"Cache-Control": "no-store"}


class Api:
    """Answers requests with a digit server's answers."""

    def __init__(
        self, client: AsyncDigitClient, uploads: Uploads, preparation: Preparation, reading: Reading
    ) -> None:
        self._client = client
        self._uploads = uploads
        self._preparation = preparation
        self._reading = reading

    def routes(self) -> list[Route]:
        """What is answered here, by path."""
        return [
            Route("/v1/classify", self.classify, methods=["POST"]),
            Route("/v1/read", self.read, methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/v1/models/{name}/{version}", self.model),
            Route("/healthz", self.health),
        ]

    async def classify(self, request: Request) -> Response:
        """Which digit each picture of the body shows, in their order."""
        form = _chosen(request, "picture", PICTURE_FORMS)
        took = Timing()
        with self._uploads.place():
            with took.part("upload"):
                uploads = await self._uploads.read(request)
            with took.part("prepare"):
                pictures = await self._preparation.prepare(uploads)
            with took.part("model"):
                answers = await self._asked(request).classify_batch(pictures, probabilities=True)
        results = [result(*each, form) for each in zip(uploads, pictures, answers, strict=True)]
        return JSONResponse({"results": results}, headers=NOT_KEPT | {"Server-Timing": str(took)})

    async def read(self, request: Request) -> Response:
        """The digits on each page of the body and the strings they form, in the order of the pages."""
        annotate = _chosen(request, "annotate", ANNOTATIONS) == "png"
        took = Timing()
        with self._uploads.place():
            with took.part("upload"):
                uploads = await self._uploads.read(request)
            with took.part("read"):
                pages = await self._reading.read(
                    self._asked(request), uploads, request.is_disconnected, annotate=annotate
                )
        return JSONResponse({"pages": pages}, headers=NOT_KEPT | {"Server-Timing": str(took)})

    def _asked(self, request: Request) -> AsyncDigitClient:
        """For the model that the address names; without one, the server's default."""
        model = request.query_params.get("model")
        return self._client.with_model(*model_and_version(model)) if model else self._client

    async def models(self, _request: Request) -> Response:
        """Every model version that the digit server knows."""
        models = await self._client.models()
        return JSONResponse({"models": [model_facts(model) for model in models]}, headers=NOT_KEPT)

    async def model(self, request: Request) -> Response:
        """One model version."""
        path = request.path_params
        model = await self._client.model(path["name"], path["version"])
        return JSONResponse(model_facts(model), headers=NOT_KEPT)

    async def health(self, _request: Request) -> Response:
        """Whether the digit server behind is serving: 200, or 503."""
        try:
            status = str(await self._client.health(timeout_s=HEALTH_TIMEOUT_S))
        except CallError as error:
            status = error.code
        code = 200 if status == Health.SERVING else 503
        return JSONResponse({"status": status}, code, NOT_KEPT)


def result(
    upload: Upload, picture: PreparedPicture, answer: Classification, form: str = "none"
) -> dict[str, Any]:
    """The answer to one picture, as it is sent. `form` is one of PICTURE_FORMS."""
    facts: dict[str, Any] = {
        "name": upload.name,
        "digit": answer.digit,
        "label": answer.label,
        "confidence": round(answer.confidence, DECIMALS),
        "probabilities": [round(each, DECIMALS) for each in answer.probabilities or ()],
        "needs_review": answer.needs_review,
        "warnings": [{"code": str(warning), "text": warning.text} for warning in answer.warnings],
        "model": {"name": answer.model_name, "version": answer.model_version},
    }
    if form == "png":
        facts["picture"] = as_png(Image.fromarray(picture.image))
    elif form == "pixels":
        facts["picture"] = picture.image.tolist()
    return facts


def model_facts(model: Model) -> dict[str, Any]:
    """A model version as it is sent."""
    return dataclasses.asdict(model)


def _chosen(request: Request, name: str, values: tuple[str, ...]) -> str:
    """The value of a parameter in the address; the first of them without one."""
    value = request.query_params.get(name, values[0])
    if value not in values:
        raise WrongQuery(name, value, f"one of {', '.join(values)}")
    return value


class Timing:
    """How long the parts of an answer took, as the header Server-Timing says it (milliseconds)."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Times what is done within."""
        start = time.perf_counter()
        yield
        self._parts.append(f"{name};dur={(time.perf_counter() - start) * 1e3:.2f}")

    def __str__(self) -> str:
        return ", ".join(self._parts)
