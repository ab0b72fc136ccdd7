"""The web service in front of a server of the bundled model."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from web_in_process import Web, web_in_process

ROOT = Path(__file__).parents[3]
Start = Callable[..., AbstractAsyncContextManager[Web]]


@pytest.fixture
def start(bundled: str) -> Start:
    """`async with start(max_pictures=2) as web:` a service with these settings."""
    return partial(web_in_process, bundled)


@pytest.fixture
async def web(start: Start) -> AsyncIterator[Web]:
    """A service with the settings it has by itself."""
    async with start() as web:
        yield web


def example(digit: int) -> bytes:
    """A picture that shows this digit, as the bytes of its file."""
    return next((ROOT / "examples").glob(f"{digit}-*.png")).read_bytes()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture of these grey pixels, (H, W)."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
