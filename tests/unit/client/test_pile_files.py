"""What a pile does to the files of its user: it replaces none, and says which it left out."""

import csv
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from digitserve_client import outputs
from digitserve_client.commands import digitserve
from digitserve_client.outcomes import Outcomes
from digitserve_client.parallel import Pace
from digitserve_client.review import write_review
from PIL import Image, ImageDraw
from unit.client.fake_server import FakeServer

Run = Callable[..., Result]


@pytest.fixture
def run(server: FakeServer) -> Run:
    """Runs a command against the server."""

    def run(command: str, *arguments: str | Path, **options: Any) -> Result:
        words = [command, "--target", server.target, *map(str, arguments)]
        return CliRunner().invoke(digitserve, words, prog_name="digitserve", **options)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of ones, of which the model is not sure."""
    place = tmp_path / "scans"
    place.mkdir()
    image = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(image).line((30, 10, 28, 50), fill=0, width=5)
    for name in ("a.png", "b.png"):
        image.save(place / name)
    return place


def problem(result: Result) -> str:
    """What was wrong with the usage, on one line, without the frame around it."""
    assert result.exit_code == 2
    return " ".join(result.stderr.replace("│", "").split())


def asked(server: FakeServer) -> list[Any]:
    """The requests of batches."""
    return server.requests["BatchClassifyImages"]


@pytest.mark.parametrize("command", ["classify", "read"])
def test_no_result_takes_the_place_of_a_picture(run: Run, folder: Path, tmp_path: Path, command: str) -> None:
    picture, before = folder / "a.png", (folder / "a.png").read_bytes()
    other_name = folder.parent / "link.png"
    other_name.symlink_to(picture)
    written: list[tuple[str | Path, ...]] = [("--csv", "-o", picture), ("--csv", "-o", other_name)]
    if command == "read":
        written += [("--annotate", tmp_path / "c.png")]
        (tmp_path / "c-2.png").hardlink_to(picture)
    for options in written:
        assert "would overwrite" in problem(run(command, folder, *options))
        assert picture.read_bytes() == before


def test_what_is_left_out_of_a_folder_is_said(run: Run, folder: Path) -> None:
    assert run("classify", folder, "--csv").stderr == ""
    for name in ("1.heic", "2.pdf", "3.txt", "4.txt", "5.txt", ".DS_Store"):
        (folder / name).write_text("other")
    result = run("classify", folder, "--csv")
    named = ", ".join(str(folder / name) for name in ("1.heic", "2.pdf", "3.txt"))
    assert result.stderr == (f"digitserve: left out, as it is not named like a picture: {named} and 2 more\n")
    assert result.exit_code == 0


def test_a_review_does_not_read_its_own_copies_and_replaces_them(run: Run, folder: Path) -> None:
    check, mine = folder / "check", folder / "check" / "notes of mine.txt"
    for _ in range(3):
        result = run("classify", folder, "-o", folder.parent / "out.csv", "--review", check)
        assert "2 to check in" in result.stderr
        assert "index.html" not in result.stderr
        mine.write_text("kept")
    assert sorted(each.name for each in check.iterdir()) == [
        "0001-0-a.png",
        "0002-0-b.png",
        "index.html",
        mine.name,
    ]
    shutil.move(folder / "b.png", folder / "100% #1?.png")
    run("classify", folder, "--csv", "--review", check)
    (folder / "a.png").unlink()
    run("classify", folder, "--csv", "--review", check)
    assert sorted(each.name for each in check.iterdir() if each != mine) == [
        "0001-0-100% #1?.png",
        "index.html",
    ]


def test_a_review_keeps_the_page_of_somebody_else(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my page")
    result = run("classify", folder, "--review", tmp_path)
    assert "that this command did not write" in problem(result)
    assert (tmp_path / "index.html").read_text() == "my page"


@pytest.mark.parametrize("content", ["[1, 2]", '"abc"', "3", "null"])
@pytest.mark.parametrize("command", ["classify", "read"])
def test_other_json_is_nothing_to_go_on_with(
    run: Run, folder: Path, tmp_path: Path, command: str, content: str
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text(content + "\n")
    assert "not written by this command" in problem(run(command, folder, "-o", out, "--resume"))


def test_a_carriage_return_in_a_name_is_gone_on_with(run: Run, folder: Path, tmp_path: Path) -> None:
    out, odd = tmp_path / "out.csv", folder / "a\rb.png"
    shutil.copy(folder / "a.png", odd)
    run("classify", odd, "-o", out)
    assert run("classify", folder, "-o", out, "--resume").exit_code == 0
    rows = csv.DictReader(io.StringIO(out.read_bytes().decode(), newline=""))
    pictures = [str(each) for each in (odd, folder / "a.png", folder / "b.png")]
    assert [row["picture"] for row in rows] == pictures


def test_a_box_beyond_the_picture_does_not_end_a_review(tmp_path: Path, folder: Path) -> None:
    row = {"picture": str(folder / "a.png"), "string": "1", "text": "1", "confidence": "0.5", "error": ""}
    for place in ((-50, -50, 20, 20), (900, 900, 9, 9), (5, 5, 0, 0)):
        box = dict(zip(("x", "y", "width", "height"), map(str, place), strict=True))
        assert write_review(tmp_path / "check", [row | box]) == 1
    assert len(list((tmp_path / "check").glob("0001-1-a.png"))) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("out.jsonl", '{"name": "a", "one document": "without an end of its line"}'),
        ("out.csv", "one line without an end"),
        ("out.csv", 'header "inch,b\nmore,1\nand more,2\n'),
    ],
)
def test_a_file_without_a_whole_line_is_kept_unless_it_was_begun(
    run: Run, folder: Path, tmp_path: Path, name: str, text: str
) -> None:
    out = tmp_path / name
    out.write_text(text)
    assert "not written by this command" in problem(run("classify", folder, "-o", out, "--resume"))
    assert out.read_text() == text


def test_an_interrupted_pile_says_how_to_go_on(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, write = tmp_path / "out.csv", outputs.TextOutput.write

    def interrupted(self: outputs.TextOutput, some: Outcomes) -> None:
        write(self, some)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outputs.TextOutput, "write", interrupted)
        result = run("classify", folder, "-o", out)
    assert result.exit_code == 130
    assert "what has been read is kept: --resume goes on with the rest" in result.stderr
    run("classify", folder, "-o", out, "--resume")
    assert len(list(csv.DictReader(io.StringIO(out.read_text())))) == 2


@pytest.mark.parametrize("command", ["classify", "read"])
def test_another_model_than_the_default_may_be_asked(
    run: Run, server: FakeServer, folder: Path, command: str
) -> None:
    for model, name, version in (("letters", "letters", ""), ("digits/1", "digits", "1")):
        run(command, folder / "a.png", "--model", model)
        chosen = asked(server)[-1].model
        assert (chosen.name, chosen.version) == (name, version)


def test_parts_take_about_as_long_whatever_is_in_them() -> None:
    def lengths(first_bytes: int, each_s: float) -> Iterator[int]:
        pace = Pace(512, first_bytes)
        for _ in range(3):
            yield pace.length()
            pace.heard(pace.length(), pace.length() * each_s)

    assert list(lengths(300, 1e-5)) == [512, 512, 512]
    assert list(lengths(100_000, 1e-5)) == [10, 512, 512]
    assert list(lengths(100_000, 0.05)) == [10, 5, 5]
    assert list(lengths(0, 0.05)) == [512, 5, 5]
    assert list(lengths(3_000_000, 9.0)) == [1, 1, 1]
