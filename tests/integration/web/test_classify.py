"""Pictures over HTTP, to a real digit server and back."""

import base64
import io
import re

import numpy as np
import pytest
from digitserve_client import DigitClient
from digitserve_client.imaging import prepare
from PIL import Image
from web_in_process import Web, multipart

from .conftest import example, png

SEVEN = example(7)


async def test_one_file_of_a_form(web: Web, bundled: str) -> None:
    answer = await web.post_files("/v1/classify", ("7.png", SEVEN))
    [result] = answer.json["results"]
    with DigitClient(bundled) as client:
        expected = client.classify(SEVEN)
    assert (result["name"], result["digit"], result["label"]) == (
        "7.png",
        expected.digit,
        expected.label,
    )
    assert result["confidence"] == pytest.approx(expected.confidence, abs=1e-6)
    assert result["needs_review"] == expected.needs_review
    assert result["model"] == {"name": "digits", "version": "2"}
    assert sum(result["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert "picture" not in result


@pytest.mark.parametrize("model", ["digits", "digits/2", ""])
async def test_the_model_may_be_named(web: Web, model: str) -> None:
    [result] = (await web.post(f"/v1/classify?model={model}", SEVEN, "image/png")).json["results"]
    assert result["model"] == {"name": "digits", "version": "2"}
    [page] = (await web.post(f"/v1/read?model={model}", SEVEN, "image/png")).json["pages"]
    assert page["model"] == {"name": "digits", "version": "2"}


async def test_several_files_are_answered_in_their_order(web: Web) -> None:
    files = [(f"{digit}.png", example(digit)) for digit in (3, 1, 4, 1, 5)]
    results = (await web.post_files("/v1/classify", *files)).json["results"]
    assert [result["name"] for result in results] == [name for name, _ in files]
    assert [result["digit"] for result in results] == [3, 1, 4, 1, 5]


@pytest.mark.parametrize(
    ("charset", "sent", "name"),
    [("utf-8", "ü.png", "ü.png"), ("utf-7", "+2AA-7.png", "?7.png"), ("none", "7.png", "7.png")],
)
async def test_a_name_comes_back_whatever_charset_the_form_has(
    web: Web, charset: str, sent: str, name: str
) -> None:
    body, content_type = multipart((sent, SEVEN))
    answer = await web.post("/v1/classify", body, f"{content_type}; charset={charset}")
    assert answer.status == 200
    assert [result["name"] for result in answer.json["results"]] == [name]


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "application/octet-stream"])
async def test_a_picture_as_the_body_whatever_it_is_called(web: Web, content_type: str) -> None:
    answer = await web.post("/v1/classify", SEVEN, content_type)
    [result] = answer.json["results"]
    assert (result["name"], result["digit"], result["warnings"]) == ("", 7, [])


async def test_what_the_model_saw_comes_back_on_request(web: Web) -> None:
    [as_png] = (await web.post("/v1/classify?picture=png", SEVEN)).json["results"]
    [as_pixels] = (await web.post("/v1/classify?picture=pixels", SEVEN)).json["results"]
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(as_png["picture"]))))
    np.testing.assert_array_equal(seen, prepare(SEVEN).image)
    np.testing.assert_array_equal(as_pixels["picture"], seen)


async def test_what_is_odd_about_a_picture_comes_with_its_answer(web: Web) -> None:
    blank = png(np.full((90, 90), 230, np.uint8))
    results = (await web.post_files("/v1/classify", ("a", SEVEN), ("b", blank))).json["results"]
    assert [result["warnings"] for result in results] == [[], [{"code": "blank", "text": "looks blank"}]]
    assert [result["needs_review"] for result in results] == [False, True]


async def test_how_long_the_parts_took_is_in_a_header(web: Web) -> None:
    answer = await web.post("/v1/classify", SEVEN)
    assert re.fullmatch(
        r"upload;dur=[\d.]+, prepare;dur=[\d.]+, model;dur=[\d.]+", answer.headers["server-timing"]
    )
    assert answer.headers["cache-control"] == "no-store"
