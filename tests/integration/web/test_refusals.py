"""Every problem that a caller can bring about, over a real connection."""

import asyncio
import gzip
import http.client

import numpy as np
import pytest
from server_in_process import free_port
from web_in_process import Answer, Web, multipart, web_in_process
from web_process import web_process

from .conftest import Start, example, png

SEVEN = example(7)


def is_problem(answer: Answer, status: int, slug: str) -> None:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == f"/problems/{slug}"
    assert answer.json["status"] == status


@pytest.mark.parametrize(
    ("body", "content_type", "status", "slug"),
    [
        (b"", "image/png", 400, "no-picture"),
        (b"", "application/octet-stream", 400, "no-picture"),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 400, "no-picture"),
        (b"abc", "multipart/form-data", 400, "malformed-form"),
        (b"abc", "multipart/form-data; boundary=b", 400, "malformed-form"),
        (b'{"a": 1}', "application/json", 415, "wrong-body"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "wrong-body"),
        (b"GIF89a", "image/gif", 422, "unreadable-picture"),
    ],
)
async def test_bodies_that_are_refused(
    web: Web, body: bytes, content_type: str, status: int, slug: str
) -> None:
    is_problem(await web.post("/v1/classify", body, content_type), status, slug)


async def test_a_packed_body_is_no_broken_picture(web: Web) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    answer = await web.ask("POST", "/v1/classify", gzip.compress(SEVEN), headers)
    is_problem(answer, 415, "wrong-body")
    assert "in the encoding 'gzip'" in answer.json["detail"]
    headers["Content-Encoding"] = "identity"
    assert (await web.ask("POST", "/v1/classify", SEVEN, headers)).status == 200


async def test_a_field_without_a_file_is_no_picture(web: Web) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nseven.png\r\n--b--\r\n'
    is_problem(await web.post("/v1/classify", body, "multipart/form-data; boundary=b"), 400, "no-picture")


@pytest.mark.parametrize("charset", ["punycode", "undefined"])
async def test_names_that_do_not_fit_the_charset_of_the_form(web: Web, charset: str) -> None:
    body, content_type = multipart(("7.png", SEVEN))
    answer = await web.post("/v1/classify", body, f"{content_type}; charset={charset}")
    is_problem(answer, 400, "malformed-form")
    assert "utf-8 is wanted" in answer.json["detail"]


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/read"])
@pytest.mark.parametrize("model", ["letters", "digits/9"])
async def test_a_model_that_the_server_does_not_have(web: Web, path: str, model: str) -> None:
    is_problem(await web.post(f"{path}?model={model}", SEVEN, "image/png"), 404, "model-not-found")


async def test_every_picture_that_cannot_be_read_is_named(web: Web) -> None:
    files = [("a.png", SEVEN), ("b.txt", b"text"), ("c.png", SEVEN[:60]), ("d.png", SEVEN)]
    answer = await web.post_files("/v1/classify", *files)
    is_problem(answer, 422, "unreadable-picture")
    pictures = answer.json["pictures"]
    assert [(each["index"], each["name"]) for each in pictures] == [(1, "b.txt"), (2, "c.png")]
    assert answer.json["detail"] == "b.txt: not a picture of a known format (and 1 more)"


async def test_an_unknown_form_of_picture(web: Web) -> None:
    answer = await web.post("/v1/classify?picture=jpeg", SEVEN)
    is_problem(answer, 400, "wrong-query")
    assert "one of none, png, pixels is wanted" in answer.json["detail"]


async def test_too_many_pictures(start: Start) -> None:
    async with start(max_pictures=2) as web:
        assert (await web.post_files("/v1/classify", *[("a", SEVEN)] * 2)).status == 200
        is_problem(await web.post_files("/v1/classify", *[("a", SEVEN)] * 3), 413, "too-many-pictures")


async def test_too_many_pixels(start: Start) -> None:
    async with start(max_pixels=784) as web:
        assert (await web.post("/v1/classify", png(np.eye(28, dtype=np.uint8)))).status == 200
        answer = await web.post("/v1/classify", png(np.eye(56, 28, dtype=np.uint8)))
        is_problem(answer, 422, "unreadable-picture")
        assert "more pixels than are decoded: 28x56 px, and the limit is 784" in answer.json["detail"]


async def test_too_many_bytes_announced(start: Start) -> None:
    async with start(max_body_bytes=1024) as web:
        answer = await web.post("/v1/classify", bytes(1025))
        is_problem(answer, 413, "body-too-large")
        assert "limit of 1024 bytes; send fewer or smaller pictures" in answer.json["detail"]


async def test_too_many_bytes_that_were_not_announced(start: Start) -> None:
    async with start(max_body_bytes=1024) as web:
        chunked = web.ask("POST", "/v1/classify", iter([bytes(600)] * 2), {"Content-Type": "image/png"})
        is_problem(await chunked, 413, "body-too-large")


class Slow:
    """A request whose body comes in two halves."""

    def __init__(self, web: Web) -> None:
        body, content_type = multipart(("7.png", SEVEN))
        self._second = body[100:]
        self.connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
        self.connection.putrequest("POST", "/v1/classify")
        self.connection.putheader("Content-Type", content_type)
        self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body[:100])

    def answer(self) -> tuple[int, bytes]:
        response = self.connection.getresponse()
        return response.status, response.read()

    def finish(self) -> tuple[int, bytes]:
        self.connection.send(self._second)
        return self.answer()


async def test_a_body_that_does_not_come(start: Start) -> None:
    async with start(upload_timeout_s=0.05) as web:
        slow = Slow(web)
        status, body = await asyncio.to_thread(slow.answer)
        slow.connection.close()
    assert status == 408
    assert b"/problems/upload-too-slow" in body


async def test_more_uploads_at_once_than_are_taken(start: Start) -> None:
    async with start(max_uploads=1) as web:
        slow = Slow(web)
        while (answer := await web.post("/v1/classify", SEVEN)).status == 200:  # until the slow one is in
            pass
        is_problem(answer, 503, "too-many-uploads")
        assert answer.headers["retry-after"] == "1"
        status, _ = await asyncio.to_thread(slow.finish)
        slow.connection.close()
        assert status == 200
        assert (await web.post("/v1/classify", SEVEN)).status == 200


async def test_who_is_not_answered_before_the_service_stops_is_told(bundled: str) -> None:
    with web_process(bundled, "--max-uploads", "1", "--drain-timeout-s", "0") as address:
        web = Web(int(address.rpartition(":")[2]))
        slow = Slow(web)
        while (await web.post("/v1/classify", SEVEN)).status == 200:  # until the slow one is in
            pass
    status, body = await asyncio.to_thread(slow.answer)
    slow.connection.close()
    assert status == 503
    assert b"/problems/stopping" in body


async def test_who_goes_away_leaves_the_place_to_others(start: Start) -> None:
    async with start(max_uploads=1) as web:
        Slow(web).connection.close()
        while (await web.post("/v1/classify", SEVEN)).status != 200:
            pass


async def test_a_digit_server_that_is_not_there() -> None:
    async with web_in_process(f"127.0.0.1:{free_port()}", timeout_s=0.3) as web:
        answer = await web.post("/v1/classify", SEVEN)
        is_problem(answer, 503, "unavailable")
        assert answer.json["grpc_code"] == "UNAVAILABLE"
        assert answer.headers["retry-after"] == "1"
        is_problem(await web.get("/v1/models"), 503, "unavailable")
        health = await web.get("/healthz")
        assert (health.status, health.json) == (503, {"status": "UNAVAILABLE"})


async def test_a_model_that_is_not_there(web: Web) -> None:
    answer = await web.get("/v1/models/digits/7")
    is_problem(answer, 404, "model-not-found")
    assert answer.json["reason"] == "MODEL_NOT_FOUND"
    assert answer.json["request_id"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v2", 404), ("GET", "/v1/classify", 405)])
async def test_addresses_and_methods_that_are_not_taken(
    web: Web, method: str, path: str, status: int
) -> None:
    answer = await web.ask(method, path)
    assert (answer.status, answer.json["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
