"""The page's modules, by Node where it is installed."""

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import digitserve_web
import pytest

STATIC = Path(digitserve_web.__file__).parent / "static"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files where every Node takes them for modules."""
    folder = tmp_path_factory.mktemp("modules")
    shutil.copytree(STATIC, folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def node(*arguments: str | Path) -> str:
    """Runs Node; returns what it prints."""
    result = subprocess.run([str(NODE), *arguments], check=True, stdout=subprocess.PIPE)
    return result.stdout.decode()


def printed_by(function: str, modules: Path, tmp_path: Path) -> Callable[..., str]:
    """A function of csv.js, which takes a list."""

    def run(*items: dict[str, Any]) -> str:
        module = json.dumps((modules / "csv.js").as_uri())
        script = tmp_path / "script.mjs"
        script.write_text(
            f"import {{ {function} }} from {module}; process.stdout.write({function}({json.dumps(items)}));"
        )
        return node(script)

    return run


@pytest.fixture
def as_csv(modules: Path, tmp_path: Path) -> Callable[..., str]:
    """The list of pictures as the page gives it away."""
    return printed_by("csv", modules, tmp_path)


@pytest.fixture
def pages_as_csv(modules: Path, tmp_path: Path) -> Callable[..., str]:
    """The list of pages as the page gives it away."""
    return printed_by("pagesCsv", modules, tmp_path)


def entry(name: str, label: str = "7", *warnings: str, **more: Any) -> dict[str, Any]:
    result = {
        "label": label,
        "confidence": 0.5,
        "needs_review": True,
        "warnings": [{"code": code, "text": code} for code in warnings],
        "model": {"name": "digits", "version": "2"},
    }
    return {"name": name, "result": result} | more


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_every_module_parses(path: Path, modules: Path) -> None:
    node("--check", modules / path.name)


def test_each_picture_is_a_row_with_what_was_corrected(as_csv: Callable[..., str]) -> None:
    text = as_csv(
        entry("plain.png"),
        entry("wrong.png", corrected="1"),
        entry("blank.png", "1", "blank", "faint"),
        {"name": "broken.png", "problem": "not a picture"},
    )
    assert text.endswith("\r\n")
    plain, wrong, blank, broken = csv.DictReader(io.StringIO(text, newline=""))
    assert (plain["digit"], plain["read_as"], plain["corrected"]) == ("7", "7", "false")
    assert (plain["confidence"], plain["needs_review"], plain["model"]) == ("0.5", "true", "digits/2")
    assert (wrong["digit"], wrong["read_as"], wrong["corrected"]) == ("1", "7", "true")
    assert (blank["digit"], blank["warnings"]) == ("", "blank faint")
    assert (broken["digit"], broken["error"]) == ("", "not a picture")


def test_any_name_comes_back_as_it_was(as_csv: Callable[..., str]) -> None:
    names = ['with "quotes".png', "with, comma.png", "with\nline.png", "ünïcode ٣.png"]
    rows = csv.DictReader(io.StringIO(as_csv(*map(entry, names)), newline=""))
    assert [row["picture"] for row in rows] == names


def test_no_name_is_a_formula(as_csv: Callable[..., str]) -> None:
    names = ["=1+1.png", "+1.png", "-1.png", "@sum.png"]
    broken = [{"name": name, "problem": f"{name}: not a picture"} for name in names]
    rows = list(csv.DictReader(io.StringIO(as_csv(*map(entry, names), *broken), newline="")))
    assert [row["picture"] for row in rows] == 2 * [f"'{name}" for name in names]
    assert [row["error"] for row in rows[4:]] == [f"'{name}: not a picture" for name in names]


def test_each_string_of_a_page_is_a_row(pages_as_csv: Callable[..., str]) -> None:
    box = [[10.2, 20], [50, 22], [49, 40], [9, 38]]
    string = {"text": "14", "confidence": 0.9, "needs_review": True, "box": box}
    model = {"name": "digits", "version": "2"}
    text = pages_as_csv(
        {"name": "a.png", "strings": [string, string | {"corrected": "114"}], "model": model},
        {"name": "=b.png", "strings": [], "model": None, "tookMs": {"total": 20}},
        {"name": "c.png", "strings": [], "problem": "not a picture"},
        {"name": "d.png", "strings": []},
    )
    first, second, empty, broken, waiting = csv.DictReader(io.StringIO(text, newline=""))
    assert (first["page"], first["string"], first["text"], first["corrected"]) == (
        "a.png",
        "1",
        "14",
        "false",
    )
    assert [first[name] for name in ("x", "y", "width", "height")] == ["9", "20", "41", "20"]
    assert (second["text"], second["read_as"], second["corrected"]) == ("114", "14", "true")
    assert (empty["page"], empty["text"], empty["error"]) == ("'=b.png", "", "")
    assert (broken["text"], broken["error"]) == ("", "not a picture")
    assert (waiting["text"], waiting["error"]) == ("", "not read yet")
