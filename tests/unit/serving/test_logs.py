"""The two forms of the log, as another process writes them."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

PROGRAM = """
import logging, sys
from digitserve_serving.logs import log_to_stderr
log_to_stderr("info", sys.argv[1], worker=2)
log = logging.getLogger("part")
log.debug("unheard")
log.info("call of %s", "digits", extra={"facts": {"request_id": "mine-1"}})
try:
    {}["nothing"]
except KeyError:
    log.exception("broken\\nin two")
"""


def piped(style: str) -> list[str]:
    command = [sys.executable, "-c", PROGRAM, style]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()


def on_a_terminal(style: str) -> str:
    """What a terminal shows."""
    terminal, its_other_end = os.openpty()
    subprocess.run([sys.executable, "-c", PROGRAM, style], check=True, stderr=its_other_end)
    os.close(its_other_end)
    with open(terminal, "rb", buffering=0) as shown:  # noqa: PTH123  # it has no path
        return (shown.read(65536) or b"").decode()


@pytest.mark.parametrize("style", ["auto", "json"])
def test_in_a_pipe_each_event_is_one_line_of_json(style: str) -> None:
    first, second = (json.loads(line) for line in piped(style))
    assert datetime.fromisoformat(first.pop("time")).tzinfo == UTC
    assert first == {
        "level": "info",
        "logger": "part",
        "message": "call of digits",
        "worker": 2,
        "request_id": "mine-1",
    }
    assert second["message"] == "broken\nin two"
    assert second["traceback"].splitlines()[-1] == "KeyError: 'nothing'"


def test_for_people_it_is_text() -> None:
    first, *rest = piped("console")
    assert first.endswith("INFO    worker 2: call of digits request_id=mine-1")
    assert rest[-1] == "KeyError: 'nothing'"


def test_a_terminal_gets_text_unless_told_otherwise() -> None:
    assert "INFO    worker 2: call of digits" in on_a_terminal("auto")
    assert on_a_terminal("json").startswith('{"time": ')
