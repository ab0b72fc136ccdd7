"""The page and its files: read once, served from memory under addresses that change with their content."""

import hashlib
import json
import mimetypes
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from digitserve_web.problems import KINDS

PACKAGE = "digitserve_web"
PAGE = "index.html"
PLACE = "{{static}}"  # in the page: where its files are
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


class Site:
    """The page, the files it is made of, the API's description and the problems' own pages."""

    def __init__(self) -> None:
        contents = {file.name: file.read_bytes() for file in _static()}
        digest = hashlib.sha256(b"".join(contents[name] for name in sorted(contents))).hexdigest()[:16]
        page = contents.pop(PAGE).decode().replace(PLACE, f"/static/{digest}")
        self._digest = digest
        self._files = contents
        self._page = page
        self._description = description()

    def routes(self) -> list[Route]:
        """What is answered here, by path."""
        return [
            Route("/", self.page),
            Route("/static/{digest}/{name}", self.file),
            Route("/openapi.json", self.openapi),
            Route("/problems/{slug}", self.problem),
        ]

    async def page(self, request: Request) -> Response:
        """The page itself."""
        headers = {"Cache-Control": ASK_AGAIN, "ETag": f'W/"{self._digest}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(self._page, headers=headers)

    async def file(self, request: Request) -> Response:
        """One of its files. The address holds the digest of all of them, so it may be kept for ever."""
        name = request.path_params["name"]
        if request.path_params["digest"] != self._digest or name not in self._files:
            return PlainTextResponse("not found; load the page again", 404)
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(self._files[name], headers={"Cache-Control": FOR_EVER}, media_type=media_type)

    async def openapi(self, _request: Request) -> Response:
        """The description of the API: OpenAPI 3.1."""
        return JSONResponse(self._description, headers={"Cache-Control": ASK_AGAIN})

    async def problem(self, request: Request) -> Response:
        """What a problem's `type` leads to."""
        kind = KINDS.get(request.path_params["slug"])
        if kind is None:
            return PlainTextResponse(f"no such problem; there are: {', '.join(KINDS)}", 404)
        return PlainTextResponse(f"{kind.slug}: {kind.title} (status {kind.status})")


def description() -> dict[str, Any]:
    """The OpenAPI document, with this package's version."""
    document: dict[str, Any] = json.loads((files(PACKAGE) / "openapi.json").read_text("utf-8"))
    document["info"]["version"] = version("digitserve-web")
    return document


def _static() -> list[Traversable]:
    return [file for file in (files(PACKAGE) / "static").iterdir() if file.is_file()]
