"""Whole pages over HTTP."""

import asyncio
import base64
import io
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import numpy as np
import pytest
from digitserve_client import AsyncDigitClient, DigitClient
from digitserve_web.pages import Reading
from digitserve_web.pictures import Preparation
from digitserve_web.uploads import Upload
from PIL import Image
from web_in_process import Web

from .conftest import ROOT, Start, example, png

PAGE = ROOT / "examples" / "pages" / "meter-reading.jpg"
STRINGS = ["4071836", "29514", "70438", "126", "21", "11", "2026", "0351", "927648"]


async def test_a_page_as_the_body(web: Web, bundled: str) -> None:
    answer = await web.post("/v1/read", PAGE.read_bytes(), "image/jpeg")
    [page] = answer.json["pages"]
    assert [string["text"] for string in page["strings"]] == STRINGS
    with DigitClient(bundled) as client:
        expected = client.read(PAGE).facts()
    assert page["name"] == ""
    assert (page["width_px"], page["height_px"], page["model"]) == (1100, 780, expected["model"])
    assert [string["needs_review"] for string in page["strings"]] == [
        string["needs_review"] for string in expected["strings"]
    ]
    np.testing.assert_allclose(page["strings"][0]["box"], expected["strings"][0]["box"])
    assert answer.headers["server-timing"].startswith("upload;dur=")


async def test_several_pages_are_answered_in_their_order(web: Web) -> None:
    blank = png(np.full((300, 200), 240, np.uint8))
    files = [("blank.png", blank), ("page.jpg", PAGE.read_bytes())]
    first, second = (await web.post_files("/v1/read", *files)).json["pages"]
    assert (first["name"], first["strings"], first["needs_review"]) == ("blank.png", [], False)
    assert first["model"] is None
    assert second["model"] == {"name": "digits", "version": "2"}
    assert (second["name"], len(second["strings"])) == ("page.jpg", len(STRINGS))


class Refusing(ThreadPoolExecutor):
    """Threads that nothing may run in."""

    def submit(self, *_work: object, **_more: object) -> NoReturn:
        pytest.fail("work outside the threads that prepare pictures")


async def test_pages_are_read_in_the_threads_of_the_setting_alone(bundled: str) -> None:
    asyncio.get_running_loop().set_default_executor(Refusing())
    preparation = Preparation(threads=1, max_pixels=10**6)
    async with AsyncDigitClient(bundled) as client:
        [page] = await Reading(preparation).read(client, [Upload("", PAGE.read_bytes())], annotate=True)
    preparation.close()
    assert [string["text"] for string in page["strings"]] == STRINGS


async def test_the_page_with_boxes_comes_back_on_request(web: Web) -> None:
    [page] = (await web.post("/v1/read?annotate=png", PAGE.read_bytes())).json["pages"]
    drawn = Image.open(io.BytesIO(base64.b64decode(page["picture"])))
    assert drawn.size == (1100, 780)
    difference = np.abs(np.asarray(drawn, np.int16) - np.asarray(Image.open(PAGE).convert("RGB"), np.int16))
    assert (difference.max(axis=2) > 60).any()


async def test_what_is_refused(start: Start) -> None:
    async with start(max_pictures=2, max_pixels=100_000) as web:
        for query, files, status, slug in (
            ("", [("page.jpg", PAGE.read_bytes())], 422, "unreadable-picture"),
            ("", [("a.png", example(7)), ("b.png", b"no picture")], 422, "unreadable-picture"),
            ("", [("a.png", example(7))] * 3, 413, "too-many-pictures"),
            ("?annotate=jpeg", [("a.png", example(7))], 400, "wrong-query"),
        ):
            answer = await web.post_files(f"/v1/read{query}", *files)
            assert (answer.status, answer.json["type"]) == (status, f"/problems/{slug}")
