"""`digitserve read`, with the bundled model."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from digitserve_client import DigitClient
from digitserve_client.commands import digitserve
from PIL import Image
from written_sheets import numbered_sheet, picture_of

Run = Callable[..., Result]


@pytest.fixture
def run(bundled: str) -> Run:
    def run(*arguments: str, **options: bytes) -> Result:
        environment = {"DIGITSERVE_TARGET": bundled}
        return CliRunner().invoke(digitserve, ["read", *arguments], env=environment, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sheet.png"
    Image.fromarray(picture_of(numbered_sheet())).save(path)
    return path


def test_a_table_has_a_line_for_each_string(run: Run, file: Path) -> None:
    result = run(str(file))
    assert result.exit_code == 0
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["picture", "string", "confidence", "review"]
    assert [line.split()[:2] for line in lines] == [[str(file), text] for text in ("1470", "38", "90265")]


def test_csv_has_a_row_for_each_string(run: Run, file: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("--csv", str(file)).stdout)))
    assert [row["text"] for row in rows] == ["1470", "38", "90265"]
    assert float(rows[0]["x"]) == pytest.approx(60, abs=5)


def test_json_tells_all(run: Run, client: DigitClient, file: Path) -> None:
    facts = {"picture": str(file), **client.read(file).facts()}
    assert json.loads(run("--json", str(file)).stdout) == json.loads(json.dumps([facts]))
    lines = run("--jsonl", str(file), str(file)).stdout.splitlines()
    assert [json.loads(line) for line in lines] == json.loads(json.dumps([facts, facts]))


def test_folders_patterns_and_stdin(run: Run, file: Path) -> None:
    (file.parent / "notes.txt").write_text("no picture")
    for arguments in ([str(file.parent)], [str(file.parent / "*.png")], ["-"]):
        result = run("--csv", *arguments, input=file.read_bytes())
        assert result.exit_code == 0
        assert [row["text"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["1470", "38", "90265"]


def test_a_broken_file_does_not_stop_the_rest(run: Run, file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    result = run("--jsonl", str(broken), str(file))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"digitserve: {broken}: not a picture of a known format",
        "digitserve: 1 of 2 pictures could not be read",
    ]
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == {"picture": str(broken), "error": "not a picture of a known format"}
    assert len(second["strings"]) == 3


def test_annotations_are_drawn_where_the_digits_are(run: Run, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert run("--annotate", str(out), str(file)).exit_code == 0
    before, after = np.asarray(Image.open(file).convert("RGB")), np.asarray(Image.open(out))
    changed = (before != after).any(axis=2)
    assert changed[55:115, 55:280].any()
    assert not changed[320:].any()
    assert run("--annotate", str(out), str(file), str(file)).exit_code == 0
    assert (tmp_path / "out-1.png").exists()
    assert (tmp_path / "out-2.png").exists()


def test_forms_exclude_each_other_and_nothing_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run("--csv", "--json", "x.png").exit_code == 2
    assert run(str(tmp_path)).exit_code == 2


@pytest.mark.parametrize(
    ("option", "message"),
    [("out.xyz", "'out.xyz' is none of *.png, *.jpg"), ("no/out.png", "there is no folder")],
)
def test_where_nothing_can_be_drawn_is_told_before_anything_is_read(
    run: Run, tmp_path: Path, option: str, message: str
) -> None:
    found = run("--annotate", str(tmp_path / option), "nowhere.png")
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())


def test_a_pattern_that_matches_nothing_is_reported(run: Run, tmp_path: Path) -> None:
    found = run(str(tmp_path / "no*.png"))
    assert found.exit_code == 1
    assert "no*.png" in found.stderr
