"""The command as a process of its own: how it starts and how it ends."""

import http.client
import re
import signal
import socket
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "digitserve_web.cli"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_cleanly(bundled: str, number: signal.Signals) -> None:
    command = [*COMMAND, "--port", "0", "--target", bundled]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        listening = re.search(r"listening on http://127\.0\.0\.1:(\d+)$", process.stdout.readline())
        assert listening
        connection = http.client.HTTPConnection("127.0.0.1", int(listening[1]), timeout=20)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"SERVING"}'
        connection.close()
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert re.fullmatch(rf"Error: 127\.0\.0\.1:{port}: .+\n", result.stderr)
