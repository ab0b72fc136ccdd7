"""The command line, as someone at a terminal and a script see it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from digitserve.v1 import model_service_pb2 as models_pb2
from digitserve_client import __version__
from digitserve_client.commands import digitserve
from digitserve_client.imaging import to_mnist
from PIL import Image, ImageDraw
from unit.client.fake_server import Failure, FakeServer

Run = Callable[..., Result]
DEAD = "127.0.0.1:1"


@pytest.fixture
def run(server: FakeServer) -> Run:
    """Runs a command against the server."""

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(
            digitserve, arguments, env={"DIGITSERVE_TARGET": server.target}, prog_name="digitserve", **options
        )

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "one.png"
    image = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(image).line((30, 10, 28, 50), fill=0, width=5)
    image.save(path)
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.png"
    path.write_text("no picture")
    return path


def test_a_table_in_a_pipe_is_plain_text(run: Run, picture: Path) -> None:
    result = run("classify", str(picture), str(picture))
    assert result.exit_code == 0
    assert result.stderr == ""
    header, first, second = result.stdout.splitlines()
    assert header.split() == ["picture", "digit", "confidence", "review"]
    assert first == second
    assert first.split()[:3] == [str(picture), "0", "0.0%"]
    assert first.index("please check") == header.index("review")
    assert "\x1b" not in result.stdout


def test_json_is_one_document(run: Run, picture: Path) -> None:
    result = run("classify", "--json", str(picture))
    assert result.exit_code == 0
    assert json.loads(result.stdout) == [
        {
            "picture": str(picture),
            "digit": 0,
            "label": "0",
            "confidence": 0.0,
            "needs_review": True,
            "warnings": [],
            "model": {"name": "digits", "version": "1"},
        }
    ]


def test_a_table_says_why_to_check(run: Run, picture: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.png"
    Image.open(picture).crop((0, 20, 60, 60)).save(cut)
    result = run("classify", str(cut))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].endswith("please check: cut off at the border")
    (fact,) = json.loads(run("classify", "--json", str(cut)).stdout)
    assert fact["warnings"] == ["cut_off"]


def test_a_blank_picture_has_no_answer(run: Run, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (60, 60), 255).save(blank)
    result = run("classify", str(blank))
    assert result.exit_code == 1
    assert result.stdout == ""
    why = "no digit in it: the picture is blank, too faint, or a whole page, which is for `read`"
    assert result.stderr == f"digitserve: {blank}: {why}\n"


def test_dash_is_stdin(run: Run, picture: Path) -> None:
    result = run("classify", "-", input=picture.read_bytes())
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].startswith("-  ")


def test_a_broken_file_does_not_stop_the_rest(run: Run, picture: Path, broken: Path, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.png")
    result = run("classify", str(broken), str(picture), gone)
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["picture", str(picture)]
    assert result.stderr.splitlines() == [
        f"digitserve: {broken}: not a picture of a known format",
        f"digitserve: {gone}: No such file or directory",
        "digitserve: 2 of 3 pictures could not be read:",
        "  1: not a picture of a known format",
        "  1: No such file or directory",
    ]


def test_a_broken_file_stands_in_the_json(run: Run, picture: Path, broken: Path) -> None:
    result = run("classify", "--json", str(broken), str(picture))
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert first == {"picture": str(broken), "error": "not a picture of a known format"}
    assert second["picture"] == str(picture)


def test_only_broken_files_need_no_server(run: Run, broken: Path) -> None:
    result = run("classify", "--target", DEAD, str(broken))
    assert result.exit_code == 1
    assert result.stdout == ""


def test_no_server_is_one_line_and_exit_code_3(run: Run, picture: Path) -> None:
    for command in (["classify", str(picture)], ["models"], ["health"]):
        result = run(*command, "--target", DEAD, "--timeout", "0.05")
        assert result.exit_code == 3
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith("digitserve: no ")
        assert DEAD in line


def test_answers_before_an_error_are_printed(
    run: Run, server: FakeServer, picture: Path, tmp_path: Path
) -> None:
    server.fail("ListModels", Failure(grpc.StatusCode.INTERNAL))
    result = run("models")
    assert result.exit_code == 3
    failing = tmp_path / "flat.png"
    Image.open(picture).transpose(Image.Transpose.ROTATE_90).save(failing)
    # How many pictures a call has depends on how fast they are read; this one is the last of the last call.
    last = to_mnist(failing).tobytes()
    refused = Failure(grpc.StatusCode.INTERNAL, "internal error", "INTERNAL", request_id="r-9")
    server.fail_when("BatchClassifyImages", lambda request: request.pixels.endswith(last), refused)
    result = run("classify", *[str(picture)] * 256, str(failing))
    assert result.exit_code == 3
    sent = [request.pixels for request in server.requests["BatchClassifyImages"]]
    answered = sum(len(pixels) // 784 for pixels in sent if not pixels.endswith(last))
    assert len(result.stdout.splitlines()) == 1 + answered > 1
    assert result.stderr == "digitserve: internal error (request id r-9)\n"


def test_models(run: Run, server: FakeServer) -> None:
    assert run("models").stdout == "model  version  state  default  labels  accuracy  review below  reason\n"
    ready, failed = models_pb2.MODEL_STATE_READY, models_pb2.MODEL_STATE_FAILED
    server.models = [
        models_pb2.Model(
            name="digits",
            version="1",
            state=ready,
            is_default=True,
            version_labels=["canary", "stable"],
            test_accuracy=0.9951,
            review_threshold=0.5,
        ),
        models_pb2.Model(name="digits", version="2", state=failed, state_reason="the hash [differs]"),
    ]
    result = run("models")
    assert result.exit_code == 0
    _, first, second = result.stdout.splitlines()
    assert first.split() == ["digits", "1", "ready", "yes", "canary,", "stable", "99.51%", "50.0%"]
    assert second.split() == ["digits", "2", "failed", "the", "hash", "[differs]"]
    documents = json.loads(run("models", "--json").stdout)
    assert [(each["version"], each["state"], each["test_accuracy"]) for each in documents] == [
        ("1", "ready", 0.9951),
        ("2", "failed", None),
    ]


@pytest.mark.parametrize(
    ("arguments", "rpc", "request_sent"),
    [
        (["load", "digits/3"], "LoadModel", models_pb2.LoadModelRequest(name="digits", version="3")),
        (["unload", "digits"], "UnloadModel", models_pb2.UnloadModelRequest(name="digits")),
        (
            ["default", "digits/2", "--label", "stable"],
            "SetDefault",
            models_pb2.SetDefaultRequest(name="digits", version="2", label="stable"),
        ),
        (["default", "digits"], "SetDefault", models_pb2.SetDefaultRequest(name="digits")),
        (["rollback", "digits"], "Rollback", models_pb2.RollbackRequest(name="digits")),
    ],
)
def test_models_are_changed(
    run: Run, server: FakeServer, arguments: list[str], rpc: str, request_sent: Any
) -> None:
    server.models = [models_pb2.Model(name="digits", version="2", state=models_pb2.MODEL_STATE_READY)]
    result = run("models", *arguments)
    assert result.stdout.splitlines()[1].split() == ["digits", "2", "ready", "0.00%", "0.0%"]
    assert server.requests[rpc] == [request_sent]


@pytest.mark.parametrize("selected", ["", "/", "digits/", "/2", "digits/2/3"])
@pytest.mark.parametrize("command", ["load", "unload", "default", "rollback"])
def test_a_model_that_is_not_wholly_named_is_refused_unasked(
    run: Run, server: FakeServer, command: str, selected: str
) -> None:
    result = run("models", command, selected)
    assert (result.exit_code, server.requests) == (2, {})
    assert f"{selected!r} is not" in result.stderr


def test_a_rollback_is_of_a_model_not_of_a_version(run: Run, server: FakeServer) -> None:
    result = run("models", "rollback", "digits/2")
    assert (result.exit_code, server.requests) == (2, {})
    assert "'digits/2' is not a NAME" in result.stderr


def test_what_cannot_be_changed_is_said(run: Run, server: FakeServer) -> None:
    server.fail("Rollback", Failure(grpc.StatusCode.FAILED_PRECONDITION, "there is no earlier version"))
    result = run("models", "rollback", "digits")
    assert (result.exit_code, result.stderr) == (3, "digitserve: there is no earlier version\n")
    misplaced = run("models", "--json", "rollback", "digits")
    assert misplaced.exit_code == 2
    assert "options stand after the command: models rollback ..." in misplaced.stderr


def test_health(run: Run, server: FakeServer) -> None:
    assert (run("health").stdout, run("health").exit_code) == ("SERVING\n", 0)
    server.set_health("digits", 2)
    assert (run("health", "digits").stdout, run("health", "digits").exit_code) == ("NOT_SERVING\n", 1)
    result = run("health", "letters", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {"target": server.target, "service": "letters", "status": "SERVICE_UNKNOWN"}
    ]


def test_help_tells_defaults_variables_and_exit_codes(run: Run) -> None:
    for command in ("classify", "models", "health"):
        text = " ".join(run(command, "--help").stdout.split())
        assert "DIGITSERVE_TARGET" in text
        assert "localhost:50051" in text
        assert "default: 5.0" in text
        assert "3 the server did not answer" in text


def test_the_version(run: Run) -> None:
    assert run("--version").stdout == f"digitserve {__version__}\n"


@pytest.mark.parametrize("arguments", [["classify"], ["classify", "--timeout", "0", "-"], ["clasify"]])
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["models", "health", "bench"])
def test_every_command_says_that_it_was_interrupted(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("digitserve_client.calls.Calls._call", interrupted)
    assert run(command).exit_code == 130


def test_the_installed_command(server: FakeServer, picture: Path, broken: Path) -> None:
    command = Path(sys.executable).with_name("digitserve")
    done = subprocess.run(
        [command, "classify", "--target", server.target, "--json", "-", broken],
        input=picture.read_bytes(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert [each["picture"] for each in json.loads(done.stdout)] == ["-", str(broken)]
    assert done.stderr.decode().splitlines() == [
        f"digitserve: {broken}: not a picture of a known format",
        "digitserve: 1 of 2 pictures could not be read",
    ]


@pytest.mark.parametrize("target", ["", "localhost", "http://localhost:50051", "localhost:fifty"])
def test_a_target_that_is_none_is_wrong_usage(run: Run, target: str) -> None:
    result = run("health", "--target", target)
    assert result.exit_code == 2
    assert f"{target!r} is not HOST:PORT, such as localhost:50051." in result.stderr


def test_a_name_that_the_output_cannot_encode_is_written_all_the_same(
    server: FakeServer, picture: Path
) -> None:
    named = picture.rename(picture.with_name("七é.png"))
    command = Path(sys.executable).with_name("digitserve")
    done = subprocess.run(
        [command, "classify", "--target", server.target, "--csv", named],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert rb"/\u4e03" + b"\xe9.png,0," in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_a_full_disk_is_told_in_a_line(server: FakeServer, picture: Path, form: str) -> None:
    command = Path(sys.executable).with_name("digitserve")
    done = subprocess.run(
        [command, "classify", "--target", server.target, f"--{form}", "-o", "/dev/full", picture],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "digitserve: [Errno 28] No space left on device\n"
