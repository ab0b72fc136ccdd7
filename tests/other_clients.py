"""Clients that were not written here, each in an environment of its own under .venv."""

import fcntl
import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = "DIGITSERVE_NEED_OTHER_CLIENTS"  # set where a client that cannot be had is an error: in CI
MAKING_TIMEOUT_S = 600
CALLS_TIMEOUT_S = 100


def answers_of(environment: str, program: str, script: Path, target: str, *more: str) -> Any:
    """What a script prints, which calls the server at `target`: JSON. Skips where it cannot be run."""
    folder = ROOT / ".venv" / environment
    if problem := _problem(environment):
        (pytest.fail if os.environ.get(NEEDED) else pytest.skip)(f"no environment {environment}: {problem}")
    # Node finds packages from the folder of the script, and then here.
    variables = os.environ | {"NODE_PATH": str(folder / "node_modules"), "GRPC_VERBOSITY": "NONE"}
    command = [
        folder / program if (folder / program).exists() else program,
        script,
        target,
        ROOT / "protos",
        *more,
    ]
    run = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=variables,
        cwd=folder,
        timeout=CALLS_TIMEOUT_S,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@functools.cache
def _problem(environment: str) -> str:
    """Makes an environment unless it is there; why it cannot be made."""
    # The make that runs the tests is none of this one's business.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--silent", f".venv/{environment}/.ready"]
    with (ROOT / ".venv" / f"{environment}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests run in several processes
        try:
            run = subprocess.run(
                command,
                check=False,
                cwd=ROOT,
                capture_output=True,
                text=True,
                env=variables,
                timeout=MAKING_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return "" if run.returncode == 0 else run.stderr.strip()[-500:] or f"exit code {run.returncode}"
