"""The command line with a pile of pictures: where they come from, where results go, what is left to do."""

import csv
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from click.testing import CliRunner, Result
from digitserve_client import pile
from digitserve_client.commands import digitserve
from digitserve_client.findings import PictureWarning
from digitserve_client.outcomes import DIGITS, PAGES, DigitOutcomes, rows_of
from digitserve_client.parallel import in_order, workers
from digitserve_client.paths import pictures_of
from digitserve_client.plain_png import END, plain_png, plain_pngs
from digitserve_client.preparation import prepared
from digitserve_client.record import repaired
from digitserve_client.results import Classifications
from PIL import Image, ImageDraw
from unit.client.fake_server import Failure, FakeServer

Run = Callable[..., Result]


@pytest.fixture
def run(server: FakeServer) -> Run:
    """Runs `classify` against the server."""

    def run(*arguments: str | Path, **options: Any) -> Result:
        command = ["classify", "--target", server.target, *map(str, arguments)]
        return CliRunner().invoke(digitserve, command, prog_name="digitserve", **options)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of digits, one of them broken, and what is no picture, in folders within each other."""
    place = tmp_path / "scans"
    (place / "within").mkdir(parents=True)
    image = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(image).line((30, 10, 28, 50), fill=0, width=5)
    for name in ("b.png", "a.JPG", "within/c.png"):
        image.save(place / name, "PNG")
    (place / "broken.png").write_text("no picture")
    (place / "notes.txt").write_text("no picture")
    return place


def pictures_in(text: str) -> list[str]:
    return [row["picture"] for row in csv.DictReader(io.StringIO(text))]


def test_folders_and_patterns_give_their_pictures_in_order(run: Run, folder: Path) -> None:
    everything = [str(folder / name) for name in ("a.JPG", "b.png", "broken.png", "within/c.png")]
    assert pictures_in(run("--csv", folder).stdout) == everything
    assert pictures_in(run("--csv", folder / "b*.png", folder / "a.JPG").stdout) == [
        *everything[1:3],
        everything[0],
    ]
    assert pictures_in(run("--csv", folder / "**/c.png").stdout) == everything[3:]


def test_a_folder_tells_whether_all_in_it_are_files(folder: Path) -> None:
    (folder / ".png").write_text("a name without a suffix")
    (folder / "folder.png").mkdir()
    (folder / "round").symlink_to(folder)
    (folder / "round.png").symlink_to(folder)
    everything = [str(folder / name) for name in ("a.JPG", "b.png", "broken.png", "within/c.png")]
    assert pictures_of([str(folder)])[:2] == (everything, True)
    assert pictures_of([str(folder), *everything])[:2] == (everything * 2, False), (
        "what is named may be a pipe"
    )
    pipe, link = folder / "pipe.png", folder / "link.png"
    os.mkfifo(pipe)
    assert pictures_of([str(folder)])[:2] == (sorted([*everything, str(pipe)]), False)
    pipe.unlink()
    link.symlink_to("nowhere")
    assert pictures_of([str(folder)])[:2] == (sorted([*everything, str(link)]), False)


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_paths_come_from_stdin_too(run: Run, folder: Path, separator: str) -> None:
    wanted = [str(folder / name) for name in ("within/c.png", "b.png")]
    result = run("--csv", "--files-from", "-", input=separator.join([*wanted, ""]))
    assert result.exit_code == 0
    assert pictures_in(result.stdout) == wanted
    assert run("--files-from", "-", "-", input="x").exit_code == 2


def test_a_broken_picture_stands_in_every_form(run: Run, folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("--csv", folder).stdout)))
    lines = [json.loads(line) for line in run("--jsonl", folder).stdout.splitlines()]
    assert lines == json.loads(run("--json", folder).stdout)
    assert [row["error"] for row in rows] == ["", "", "not a picture of a known format", ""]
    assert [line.get("error", "") for line in lines] == [row["error"] for row in rows]
    assert (rows[0]["digit"], rows[0]["needs_review"], rows[0]["model"]) == ("0", "true", "digits/1")


def test_columns_stand_in_csv_as_the_pictures_do_one_by_one() -> None:
    warnings = np.empty(3, np.object_)
    warnings[:] = [(PictureWarning.FAINT, PictureWarning.CUT_OFF), (), (PictureWarning.BLANK,)]
    answers = Classifications(
        digits=np.array([7, 0, 3], np.uint8),
        labels=np.array(["7", "0", "three"]),
        confidences=np.array([0.0078125, 1, 0.123456789], np.float32),
        needs_review=np.array([True, False, True]),
        model_names=np.array(["digits", "digits", "other"]),
        model_versions=np.array(["2", "3", "1"]),
        warnings=warnings,
    )
    outcomes = DigitOutcomes(tuple("abcde"), answers, {4: "no picture", 0: "no such file"})
    rows = list(outcomes.rows())
    assert rows == list(rows_of(list(outcomes), DIGITS))
    assert [row[1] for row in rows] == ["", "7", "0", "three", ""]
    assert [outcome.picture for outcome in outcomes.failed()] == ["a", "e"]
    assert list(DigitOutcomes("a", None, {0: "no picture"}).rows()) == [("a", *[""] * 5, "no picture")]


def test_the_suffix_of_the_output_says_its_form(run: Run, folder: Path, tmp_path: Path) -> None:
    for name in ("out.csv", "out.jsonl", "out.json"):
        result = run(folder, "-o", tmp_path / name)
        assert (result.exit_code, result.stdout) == (1, "")
    assert len(pictures_in((tmp_path / "out.csv").read_text())) == 4
    assert len(json.loads((tmp_path / "out.json").read_text())) == 4
    assert run(folder, "-o", tmp_path / "out.xls").exit_code == 2
    assert run(folder, "-o", tmp_path / "out.json", "--resume").exit_code == 2
    assert run(folder, "-o", tmp_path / "nowhere" / "out.csv").exit_code == 2


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_interruption_anywhere_loses_and_repeats_nothing(
    run: Run, server: FakeServer, folder: Path, tmp_path: Path, form: str
) -> None:
    odd = folder / 'odd "name",\nof two lines.png'
    shutil.copyfile(folder / "b.png", odd)
    whole = tmp_path / f"whole.{form}"
    assert run(folder, "-o", whole).exit_code == 1
    content = whole.read_bytes()
    for length in (*range(0, len(content), 31), 70, len(content)):
        part = tmp_path / f"part.{form}"
        part.write_bytes(content[:length])
        asked = len(server.requests)
        result = run(folder, "-o", part, "--resume")
        assert result.exit_code == 1
        assert "1 of 5 pictures could not be read" in result.stderr
        assert part.read_bytes() == content
    assert len(server.requests) == asked  # the last time nothing was left to do


def test_a_server_that_fails_loses_nothing_either(
    run: Run, server: FakeServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pile, "PILE", 1)
    out = tmp_path / "out.csv"
    server.fail("BatchClassifyImages", Failure(grpc.StatusCode.INTERNAL, "internal error"))
    result = run(folder, "-o", out)
    assert result.exit_code == 3
    assert "4 pictures in" not in result.stderr, "what was not read is not summed up"
    assert "what has been read is kept: --resume goes on with the rest" in result.stderr
    assert run(folder, "-o", out, "--resume").exit_code == 1
    assert len(pictures_in(out.read_text())) == 4


@pytest.mark.parametrize("command", ["classify", "read"])
def test_an_interruption_waits_for_no_answer(server: FakeServer, folder: Path, command: str) -> None:
    server.hold()
    program = Path(sys.executable).with_name("digitserve")
    arguments = [command, "--target", server.target, "--timeout", "3600", str(folder / "a.JPG")]
    # What a shell runs in the background ignores the signal, and a program would inherit that.
    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen([program, *arguments], stderr=subprocess.PIPE) as running:
        signal.signal(signal.SIGINT, heeded)
        server.wait_until(lambda: server.running == 1)
        running.send_signal(signal.SIGINT)
        try:
            assert running.wait(20) == 130
        finally:
            running.kill()


def test_a_file_of_another_kind_is_not_gone_on_with(run: Run, folder: Path, tmp_path: Path) -> None:
    for name, text in (("out.csv", "name,digit\na,1\n"), ("out.jsonl", '{"name": "a"}\n')):
        (tmp_path / name).write_text(text)
        result = run(folder, "-o", tmp_path / name, "--resume")
        assert result.exit_code == 2
        assert "not written by this command" in " ".join(result.stderr.split())
        assert (tmp_path / name).read_text() == text


def test_of_pages_the_last_one_is_read_again_unless_it_is_surely_whole(tmp_path: Path) -> None:
    file = tmp_path / "pages.csv"
    header = ",".join(PAGES.columns) + "\n"
    first = "a.png,1,14,0.9,true,1,2,3,4,digits/2,\na.png,2,70,0.9,false,1,9,3,4,digits/2,\n"
    file.write_text(f"{header}{first}b.png,1,38,0.9,false,1,2,3,4,digits/2,\n")
    record = repaired(file, "csv", PAGES)
    assert record.done == {"a.png": 1}
    assert [row["text"] for row in record.doubtful] == ["14"]
    assert file.read_text() == header + first
    file.write_text(f"{header}{first}b.png,,,,,,,,,,no picture\n")
    assert repaired(file, "csv", PAGES).done == {"a.png": 1, "b.png": 1}


def test_a_picture_named_twice_is_wanted_twice(tmp_path: Path) -> None:
    file = tmp_path / "digits.csv"
    file.write_text(",".join(DIGITS.columns) + "\na.png,7,0.9,false,,digits/2,\n")
    assert list(repaired(file, "csv", DIGITS).left_of(["a.png", "b.png", "a.png"])) == ["b.png", "a.png"]


def test_what_is_to_check_is_copied_and_shown(run: Run, folder: Path, tmp_path: Path) -> None:
    out, check = tmp_path / "out.csv", tmp_path / "check"
    run(folder / "a.JPG", "-o", out)
    result = run(folder, "-o", out, "--resume", "--review", check)
    assert f"4 to check in {check}" in result.stderr
    names = sorted(each.name for each in check.iterdir())
    assert names == ["0001-0-a.JPG", "0002-0-b.png", "0004-0-c.png", "index.html"]
    sheet = (check / "index.html").read_text()
    assert sheet.count("<figure>") == 4
    assert sheet.count("data:image/png;base64,") == 3
    for text in (str(folder / "broken.png"), "not a picture of a known format", "0.0%", "<b>0</b>"):
        assert text in sheet
    assert "://" not in sheet


def test_help_shows_examples(run: Run) -> None:
    for command in ("classify", "read", "completion"):
        text = CliRunner().invoke(digitserve, [command, "--help"], prog_name="digitserve").stdout
        assert f"\n    digitserve {command} " in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_completions(shell: str) -> None:
    result = CliRunner().invoke(digitserve, ["completion", shell])
    assert result.exit_code == 0
    assert "_DIGITSERVE_COMPLETE" in result.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.stdout, text=True, check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_and_options() -> None:
    binaries = Path(sys.executable).parent
    script = (
        "source <(digitserve completion bash);"
        " COMP_WORDS=(digitserve cl); COMP_CWORD=1; _digitserve_completion digitserve; echo ${COMPREPLY[@]};"
        " COMPREPLY=(); COMP_WORDS=(digitserve classify --f); COMP_CWORD=2;"
        " _digitserve_completion digitserve; echo ${COMPREPLY[@]}"
    )
    environment = os.environ | {"PATH": f"{binaries}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["classify", "--files-from"]


def test_processes_prepare_a_pile_as_one_does(server: FakeServer, tmp_path: Path) -> None:
    """As a command of its own: processes are not to be forked from one with threads."""
    rng = np.random.default_rng(1)
    for number in range(320):
        pixels = np.zeros((28, 28), np.uint8)
        pixels[4:24, 10 : 12 + number % 7] = rng.integers(200, 255)
        Image.fromarray(pixels).save(tmp_path / f"{number:03}.png")
    (tmp_path / "100.png").write_bytes(b"broken")
    command = Path(sys.executable).with_name("digitserve")
    arguments = ["classify", "--target", server.target, "--jsonl", str(tmp_path)]
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(each["picture"]).name for each in facts] == [f"{number:03}.png" for number in range(320)]
    assert [number for number, each in enumerate(facts) if "error" in each] == [100]
    assert "320 pictures in " in done.stderr


def test_a_pipe_in_a_pile_is_opened_once(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))).save(picture, "PNG")
    file, pipe = tmp_path / "a.png", tmp_path / "b.png"
    file.write_bytes(picture.getvalue())
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[picture.getvalue()], daemon=True)
    writer.start()
    part = prepared([str(file), str(pipe)])
    writer.join()
    assert part.problems == {}
    np.testing.assert_array_equal(*part.images.rows)


def test_known_files_are_prepared_as_others_are(folder: Path) -> None:
    Image.fromarray(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))).save(folder / "plain.png")
    large = Image.effect_noise((200, 200), 9)
    ImageDraw.Draw(large).line((100, 30, 95, 170), fill=0, width=16)
    large.save(folder / "large.png")
    sources = [*map(str, sorted(folder.glob("*.png"))), str(folder / "missing.png")]
    known, others = prepared(sources, are_files=True), prepared(sources)
    assert known.problems == others.problems
    assert list(known.problems.values()) == ["not a picture of a known format", "No such file or directory"]
    np.testing.assert_array_equal(known.images.rows, others.images.rows)


def test_results_come_in_order_and_only_so_many_are_begun() -> None:
    begun: list[int] = []
    with workers(2) as pool:

        def run(number: int) -> Any:
            begun.append(number)
            return pool.submit(int, number)

        results = in_order(run, range(100), 3)
        for expected, result in enumerate(results):
            assert result == expected
            assert len(begun) <= expected + 3


def test_plain_pngs_decode_as_pillow_has_them_and_others_are_left_to_it() -> None:
    rng = np.random.default_rng(2)
    images = [rng.integers(0, 1 + lightest, (28, 28)).astype(np.uint8) for lightest in (255, 3, 0)]

    def png(image: Image.Image, **options: Any) -> bytes:
        stream = io.BytesIO()
        image.save(stream, "PNG", **options)
        return stream.getvalue()

    def filtered(number: int) -> bytes:
        rows = zlib.compress(np.pad(images[0], ((0, 0), (1, 0)), constant_values=number).tobytes())
        data = b"IDAT" + rows
        return plain[0][:33] + struct.pack(">I", len(rows)) + data + struct.pack(">I", zlib.crc32(data)) + END

    grey = Image.fromarray(images[0])
    plain = [png(Image.fromarray(image)) for image in images]
    plain += [filtered(number) for number in range(5)]
    others = [png(grey.convert(mode)) for mode in ("RGB", "LA", "P", "1", "I;16")]
    others += [png(grey, transparency=3), png(grey.resize((65, 28))), png(grey, dpi=(300, 300))]
    damaged = bytearray(plain[0])
    damaged[60] ^= 1
    others += [bytes(damaged), plain[0][:-1], plain[0][:60], b"", b"\x89PNG", plain[0] * 3]
    places, pixels = plain_pngs([*plain[:4], *others, *plain[4:]])
    assert places == [0, 1, 2, 3, *range(4 + len(others), len(others) + len(plain))]
    for content, image in zip(plain, pixels, strict=True):
        np.testing.assert_array_equal(image, np.asarray(Image.open(io.BytesIO(content))))
        np.testing.assert_array_equal(image, plain_png(content))
    assert [plain_png(content) for content in others] == [None] * len(others)
    assert plain_png(filtered(5)) is None
    assert plain_pngs([plain[0], filtered(5)])[0] == []
