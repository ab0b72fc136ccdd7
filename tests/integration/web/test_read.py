"""Whole pages over HTTP."""

import asyncio
import base64
import http.client
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import numpy as np
import pytest
from digitserve_client import AsyncDigitClient, DigitClient
from digitserve_client.pages import reading
from digitserve_web.pages import Reading
from digitserve_web.pictures import Preparation
from digitserve_web.uploads import Upload
from PIL import Image
from web_in_process import PATIENCE_S, Web, multipart

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


async def nobody_is_gone() -> bool:
    return False


async def test_pages_are_read_in_the_threads_of_the_setting_alone(bundled: str) -> None:
    asyncio.get_running_loop().set_default_executor(Refusing())
    preparation = Preparation(threads=1, max_pixels=10**6)
    async with AsyncDigitClient(bundled) as client:
        uploads = [Upload("", PAGE.read_bytes())]
        [page] = await Reading(preparation).read(client, uploads, nobody_is_gone, annotate=True)
    preparation.close()
    assert [string["text"] for string in page["strings"]] == STRINGS


async def test_nothing_more_is_read_for_who_has_gone_away(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gone = threading.Semaphore(0), threading.Event()
    pages = 0
    begin = reading.start

    def begin_when_gone(content: bytes) -> object:
        nonlocal pages
        pages += 1
        begun.release()
        assert gone.wait(PATIENCE_S)
        return begin(content)

    monkeypatch.setattr(reading, "start", begin_when_gone)
    async with start(max_uploads=1) as web:
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE_S)
        body, content_type = multipart(*[("page.jpg", PAGE.read_bytes())] * 3)
        connection.request("POST", "/v1/read", body, {"Content-Type": content_type})
        await asyncio.to_thread(begun.acquire, timeout=PATIENCE_S)
        connection.close()
        await web.get("/healthz")  # in the loop that is to see the end of the connection first
        gone.set()
        while (await web.post("/v1/read", PAGE.read_bytes())).status == 503:  # until its place is free
            pass
    assert pages == 2


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
