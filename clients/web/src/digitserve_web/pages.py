"""Whole pages: read in steps, between which the digit server is asked, off the event loop."""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from digitserve_client import AsyncDigitClient, UnreadablePicture
from digitserve_client.annotation import annotated
from digitserve_client.page import Page
from digitserve_client.pages import reading

from digitserve_web.errors import UploadBroken
from digitserve_web.pictures import Preparation, all_read, as_png
from digitserve_web.uploads import Upload

Facts = dict[str, Any]
IsGone = Callable[[], Awaitable[bool]]
"""Whether the caller has gone away."""


class Reading:
    """Reads pages, in the threads that prepare pictures, too."""

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation

    async def read(
        self, client: AsyncDigitClient, uploads: Sequence[Upload], is_gone: IsGone, *, annotate: bool
    ) -> list[Facts]:
        """All of them as they are sent, as the client's model reads them.

        One after the other, so that a request with many pages does not hold all of them in memory. Raises
        UnreadablePictures, which names those that cannot be decoded; and UploadBroken, as the pages of a
        caller who has gone away would keep the cores busy for nobody.
        """
        outcomes = []
        for upload in uploads:
            if await is_gone():
                raise UploadBroken
            outcomes.append(await self._read(client, upload, annotate=annotate))
        return all_read(uploads, outcomes)

    async def _read(
        self, client: AsyncDigitClient, upload: Upload, *, annotate: bool
    ) -> Facts | UnreadablePicture:
        step = await self._preparation.run(reading.start, upload)
        while isinstance(step, reading.Question):
            answers = await client.classify_batch(step.images)
            step = await self._preparation.call(step.answered, answers)
        if isinstance(step, UnreadablePicture):
            return step
        facts = {"name": upload.name, **step.facts()}
        if annotate:
            drawn = await self._preparation.run(functools.partial(_drawn, step), upload)
            if isinstance(drawn, UnreadablePicture):
                return drawn
            facts["picture"] = drawn
        return facts


def _drawn(page: Page, content: bytes) -> str:
    return as_png(annotated(content, page))
