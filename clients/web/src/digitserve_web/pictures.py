"""Pictures in MNIST's form: prepared in a few threads, off the event loop."""

import asyncio
import base64
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from digitserve_client import UnreadablePicture
from digitserve_client.findings import PreparedPicture
from digitserve_client.imaging import prepare
from digitserve_client.pictures import FORMATS
from PIL import Image

from digitserve_web.errors import Unreadable, UnreadablePictures
from digitserve_web.uploads import Upload

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Preparation:
    """Prepares pictures. Decoding and finding the ink take milliseconds of a core, so threads do it."""

    def __init__(self, threads: int, max_pixels: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="prepare")
        self._max_pixels = max_pixels

    async def prepare(self, uploads: Sequence[Upload]) -> list[PreparedPicture]:
        """All of them; raises UnreadablePictures, which names every one that cannot be decoded."""
        return all_read(uploads, await asyncio.gather(*(self.run(prepare, each) for each in uploads)))

    async def run(self, work: Callable[[bytes], Result], upload: Upload) -> Result | UnreadablePicture:
        """What `work` makes of a picture's bytes, in one of the threads; a problem is given back."""
        return await self.call(self._attempt, work, upload.content)

    async def call(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """What `work` returns, in one of the threads, too."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _attempt(self, work: Callable[[bytes], Result], content: bytes) -> Result | UnreadablePicture:
        try:
            _check_pixels(content, self._max_pixels)
            return work(content)
        except UnreadablePicture as problem:
            return problem

    def close(self) -> None:
        """Lets the threads end; what has not begun is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def all_read(uploads: Sequence[Upload], outcomes: Sequence[Result | UnreadablePicture]) -> list[Result]:
    """The outcomes, if there is one for each picture; else raises UnreadablePictures."""
    problems = tuple(
        Unreadable(index, upload.name, outcome.problem)
        for index, (upload, outcome) in enumerate(zip(uploads, outcomes, strict=True))
        if isinstance(outcome, UnreadablePicture)
    )
    if problems:
        raise UnreadablePictures(problems)
    return [outcome for outcome in outcomes if not isinstance(outcome, UnreadablePicture)]


def _check_pixels(content: bytes, limit: int) -> None:
    """Stricter than Pillow's own limit, which is a matter of the whole process."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width_px, height_px = image.size
    except Exception:  # `prepare` says what is wrong with it
        return
    if width_px * height_px > limit:
        raise UnreadablePicture(
            "the picture",
            f"more pixels than are decoded: {width_px}x{height_px} px, and the limit is {limit}",
        )


def as_png(image: Image.Image) -> str:
    """A picture as the base64 of a PNG."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
