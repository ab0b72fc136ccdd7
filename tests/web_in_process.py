"""The real web service inside a test's own event loop, and plain HTTP to it."""

import asyncio
import http.client
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import api_description
from digitserve_web.server import listening_socket, server
from digitserve_web.settings import Settings

PATIENCE_S = 20.0
Body = bytes | Iterator[bytes] | None  # an iterator is sent in chunks, without saying how much will come
DEFAULTS = {"port": 0, "threads": 2}


@dataclass(frozen=True)
class Answer:
    """An answer as it came: the headers by their names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Web:
    """Asks a web service on this port of the loopback interface; each answer must be as it is described."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, headers=headers)

    async def post(self, path: str, body: bytes, content_type: str = "image/png") -> Answer:
        return await self.ask("POST", path, body, {"Content-Type": content_type})

    async def post_files(self, path: str, *files: tuple[str, bytes]) -> Answer:
        """Files as a browser sends them."""
        body, content_type = multipart(*files)
        return await self.post(path, body, content_type)

    async def ask(
        self, method: str, path: str, body: Body = None, headers: dict[str, str] | None = None
    ) -> Answer:
        answer = await asyncio.to_thread(self._ask, method, path, body, headers or {})
        api_description.check(
            method, path, answer.status, answer.headers.get("content-type", ""), answer.body
        )
        return answer

    def _ask(self, method: str, path: str, body: Body, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()


def multipart(*files: tuple[str, bytes]) -> tuple[bytes, str]:
    """A form that holds these files, (name, content), as fields called image; and its type."""
    boundary = os.urandom(12).hex()
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


@asynccontextmanager
async def web_in_process(target: str, **settings: Any) -> AsyncIterator[Web]:
    """A web service in front of the digit server at `target`; stopped at the end."""
    chosen = Settings(target=target, **(DEFAULTS | settings))
    with listening_socket(chosen) as listener:
        service = server(chosen)
        life = asyncio.create_task(service.serve(sockets=[listener]))
        try:
            yield Web(listener.getsockname()[1])
        finally:
            service.should_exit = True
            await life
