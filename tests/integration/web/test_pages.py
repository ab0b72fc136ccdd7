"""The page, the models' documents, health, and the description of the API."""

import gzip
import re
from pathlib import Path

import api_description
import pytest
from digitserve_web.app import create_app
from digitserve_web.settings import Settings
from starlette.routing import Route
from web_in_process import Answer, Web

from .conftest import Start

NO_API = {"/", "/static/{digest}/{name}", "/problems/{slug}"}


def named_files(page: Answer) -> list[str]:
    return re.findall(r'"(/static/[^"]+)"', page.body.decode())


async def test_the_page_and_its_files_keep_to_this_address(web: Web) -> None:
    page = await web.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in named_files(page):
        file = await web.get(path)
        assert (file.status, file.headers["x-content-type-options"]) == (200, "nosniff")
        assert "immutable" in file.headers["cache-control"]
    assert len(set(named_files(page))) >= 3


async def test_an_unchanged_page_is_not_sent_again(web: Web) -> None:
    page = await web.get("/")
    assert page.headers["cache-control"] == "no-cache"
    again = await web.ask("GET", "/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert (await web.get("/")).body == page.body


async def test_files_of_another_version_are_not_given(web: Web) -> None:
    assert (await web.get("/static/0123456789abcdef/app.js")).status == 404
    [path] = {path for path in named_files(await web.get("/")) if path.endswith("app.js")}
    assert (await web.get(path.replace("app.js", "index.html"))).status == 404


async def test_what_is_large_is_packed_for_those_who_can_unpack(web: Web) -> None:
    page = await web.get("/")
    packed = await web.ask("GET", "/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == page.body


async def test_health_of_the_digit_server_behind(web: Web) -> None:
    health = await web.get("/healthz")
    assert (health.status, health.json) == (200, {"status": "SERVING"})


async def test_models(web: Web) -> None:
    former, model = (await web.get("/v1/models")).json["models"]
    assert (former["name"], former["version"], former["state"]) == ("digits", "1", "unloaded")
    assert (model["name"], model["version"], model["state"]) == ("digits", "2", "ready")
    assert model["is_default"]
    assert (await web.get("/v1/models/digits/2")).json == model


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "digits" / "1"
    folder.mkdir(parents=True)
    (folder / "MODEL_CARD.md").write_text("# digits\n\n| a |\n|---|\n| 1 |\n\n<script>alert(1)</script>\n")
    (folder / "report.html").write_text("<!doctype html><p>report")
    (tmp_path / "MODEL_CARD.md").write_text("not for here")
    return tmp_path


async def test_a_card_becomes_html_without_any_of_its_own(start: Start, documents: Path) -> None:
    async with start(models=documents) as web:
        card = await web.get("/v1/models/digits/1/card")
    assert "<h1>digits</h1>" in card.body.decode()
    assert "<table>" in card.body.decode()
    assert "<script" not in card.body.decode()


async def test_a_report_can_do_nothing(start: Start, documents: Path) -> None:
    async with start(models=documents) as web:
        report = await web.get("/v1/models/digits/1/report")
    assert report.body == b"<!doctype html><p>report"
    policy = report.headers["content-security-policy"].split("; ")
    assert "sandbox" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "version", ["digits/2", "digits/..", "..%2Fdigits/1", "%2E%2E/1", "other/1", "digits/1x"]
)
async def test_what_is_not_in_the_repository(start: Start, documents: Path, version: str) -> None:
    async with start(models=documents) as web:
        for document in ("card", "report"):
            answer = await web.ask("GET", f"/v1/models/{version}/{document}")
            assert answer.status == 404
            assert b"not for here" not in answer.body


async def test_without_a_repository_the_answer_says_how_to_give_one(web: Web) -> None:
    answer = await web.get("/v1/models/digits/1/card")
    assert answer.status == 404
    assert "start it with --models" in answer.json["detail"]


async def test_the_type_of_a_problem_leads_to_what_it_means(web: Web) -> None:
    meaning = await web.get("/problems/no-picture")
    assert (meaning.status, b"No picture in the request" in meaning.body) == (200, True)
    assert (await web.get("/problems/none")).status == 404


async def test_the_description_is_served(web: Web) -> None:
    document = (await web.get("/openapi.json")).json
    assert document == api_description.DOCUMENT
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["info"]["version"])


def test_every_address_is_described_and_no_other() -> None:
    routes = [route for route in create_app(Settings()).routes if isinstance(route, Route)]
    answered = {
        (route.path, method.lower())
        for route in routes
        if route.path not in NO_API
        for method in (route.methods or set()) - {"HEAD"}
    }
    paths = api_description.DOCUMENT["paths"]
    described = {(path, key) for path, item in paths.items() for key in item if key != "parameters"}
    assert answered == described


@pytest.mark.parametrize("name", api_description.DOCUMENT["components"]["schemas"])
def test_the_schemas_are_schemas(name: str) -> None:
    api_description.check_schema(name)
