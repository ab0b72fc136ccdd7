"""`digitserve bench` against the real server."""

import json
import subprocess
import sys
from pathlib import Path

from server_process import ServerProcess


def test_a_running_server_can_be_measured(repository: Path) -> None:
    command = [sys.executable, "-c", "from digitserve_client.cli import main; main()", "bench", "--json"]
    with ServerProcess(repository) as server:
        found = subprocess.run(
            [*command, "--target", server.target, "--seconds", "0.2", "--in-flight", "1,8"],
            capture_output=True,
            text=True,
            check=True,
        )
    loads = json.loads(found.stdout)
    assert [(load["images_per_call"], load["in_flight"]) for load in loads] == [(1, 1), (1, 8), (256, 4)]
    assert all(load["calls"] > 0 and not load["errors"] for load in loads)
