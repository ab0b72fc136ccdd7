"""The pictures of a request: from its body, within the limits."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from digitserve_client import ClientClosed
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from digitserve_web.errors import (
    BodyTooLarge,
    MalformedForm,
    NoPicture,
    TooManyPictures,
    TooManyUploads,
    UploadBroken,
    UploadTooSlow,
    WrongBody,
)
from digitserve_web.settings import Settings

FORM = "multipart/form-data"
RAW = ("image/", "application/octet-stream")
TOO_MANY_FILES = "Too many files"  # how Starlette's message begins; it has no class of its own


class Upload(NamedTuple):
    """One picture as it came: the name of its file, or "", and its bytes."""

    name: str
    content: bytes


class Uploads:
    """Reads the pictures of requests, so many at once, and no larger or slower than the settings allow."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those who are answered at once; raises TooManyUploads when there is none.

        Raises ClientClosed when the service stops before the answer is there.
        """
        if self._held >= self._settings.max_uploads:
            raise TooManyUploads(self._settings.max_uploads)
        self._held += 1
        try:
            yield
        except asyncio.CancelledError as ended:  # by uvicorn alone, when the time to finish is over
            raise ClientClosed("the web service is stopping; send the request again") from ended
        finally:
            self._held -= 1

    async def read(self, request: Request) -> list[Upload]:
        """The pictures of a request, at least one."""
        limit_s = self._settings.upload_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._read(bounded(request, self._settings.max_body_bytes))
        except ClientDisconnect as gone:
            raise UploadBroken from gone
        except TimeoutError as late:
            raise UploadTooSlow(limit_s) from late

    async def _read(self, request: Request) -> list[Upload]:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = request.headers.get("content-encoding", "")
        if encoding.lower() not in ("", "identity"):
            raise WrongBody(content_type, encoding)
        if content_type == FORM:
            uploads = [upload async for upload in self._files(request)]
        elif content_type.startswith(RAW):
            content = await request.body()
            uploads = [Upload("", content)] if content else []
        else:
            raise WrongBody(content_type)
        if not uploads:
            raise NoPicture
        return uploads

    async def _files(self, request: Request) -> AsyncIterator[Upload]:
        limit = self._settings.max_pictures
        try:
            async with request.form(max_files=limit, max_fields=limit) as form:
                for _, part in form.multi_items():
                    if isinstance(part, UploadFile):
                        yield Upload(_encodable(part.filename or ""), await part.read())
        except UnicodeError as unknown:  # some of Python's codecs raise it bare, which Starlette lets pass
            raise MalformedForm("the form's charset does not fit its names; utf-8 is wanted") from unknown
        except HTTPException as refused:
            if refused.detail.startswith(TOO_MANY_FILES):
                raise TooManyPictures(limit) from refused
            raise MalformedForm(f"the form cannot be read: {refused.detail}") from refused


def _encodable(name: str) -> str:
    """The name as it can be sent back: some charsets give halves of surrogate pairs, which UTF-8 has not."""
    return name.encode("utf-8", "replace").decode()


def bounded(request: Request, limit_bytes: int) -> Request:
    """The same request, which raises BodyTooLarge instead of giving more than so many bytes of its body."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    return Request(request.scope, _bounded(request.receive, limit_bytes))


def _bounded(receive: Receive, limit_bytes: int) -> Receive:
    received = 0

    async def receive_within() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        return message

    return receive_within
