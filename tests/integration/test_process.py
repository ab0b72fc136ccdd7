"""The server as a process of its own: how it starts, how it ends, and what callers notice of it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from digitserve_client import DigitClient, ModelState
from digitserve_serving.settings import TRANSPORTS
from server_in_process import free_port
from server_process import ServerProcess, run_server
from tiny_model import image_of


def keep_calling(client: DigitClient, stop: threading.Event, digit: int, errors: list[Exception]) -> int:
    """Calls until told to stop; returns how often the answer was right, and notes every failed call."""
    right = 0
    while not stop.is_set():
        try:
            right += client.classify(image_of(digit)).digit == digit
        except Exception as error:  # the test wants to see all of them
            errors.append(error)
    return right


@pytest.fixture
def under_load() -> Callable[[str, Callable[[], None]], tuple[int, list[Exception]]]:
    """Runs something while eight callers call; returns the number of right answers, and all failures."""

    def run(target: str, action: Callable[[], None]) -> tuple[int, list[Exception]]:
        stop, errors, counts = threading.Event(), list[Exception](), list[int]()
        with DigitClient(target, timeout_s=20) as client:
            callers = [
                threading.Thread(target=lambda d=digit: counts.append(keep_calling(client, stop, d, errors)))
                for digit in range(8)
            ]
            for caller in callers:
                caller.start()
            try:
                action()
            finally:
                stop.set()
                for caller in callers:
                    caller.join(30)
        return sum(counts), errors

    return run


def answered(client: DigitClient, calls: int) -> None:
    """Waits for some answers, as a measure of time."""
    for _ in range(calls):
        client.classify(image_of(9))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(repository: Path, number: signal.Signals) -> None:
    with ServerProcess(repository) as server:
        server.send(number)
        assert server.wait() == 0
    assert "stopped" in server.log
    assert "Traceback" not in server.log


def test_the_health_check_asks_at_the_port_of_the_servers_variable(repository: Path) -> None:
    command = [sys.executable, "-m", "digitserve_serving.health"]
    with ServerProcess(repository) as server:
        environment = os.environ | {"DIGITSERVE_PORT": str(server.port)}
        check = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=False
        )
    assert (check.returncode, check.stdout) == (0, "SERVING\n")


SIGNALLED_WHILE_IMPORTING = """
import signal, sys

class Importing:
    def find_spec(self, name, path, target=None):
        if name == "digitserve_serving.server":
            signal.raise_signal(int(sys.argv.pop()))

sys.meta_path.insert(0, Importing())
from digitserve_serving import cli
cli.main(["--models", sys.argv[1], "--port", "0", "--shutdown-delay-s", "0", "--workers", "1"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_the_start_ends_it_cleanly(repository: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", SIGNALLED_WHILE_IMPORTING, str(repository), str(int(number))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, "Traceback" in result.stderr) == (0, False), result.stderr


HANGING_SERVER = """
import asyncio
from digitserve_serving import cli, server, stopping

async def serve(settings, on_listening, stop):
    on_listening(0)
    await asyncio.Event().wait()

server.serve, stopping.LAST_RESORT_S = serve, 0.1
cli.main(["--shutdown-delay-s", "0", "--drain-timeout-s", "0", "--workers", "1"])
"""


def test_a_server_that_hangs_ends_all_the_same() -> None:
    command = [sys.executable, "-c", HANGING_SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "listening" in process.stdout.readline()
        process.terminate()
        _, log = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "not stopped after" in log


def test_a_restart_under_load_fails_no_call(
    repository: Path, under_load: Callable[[str, Callable[[], None]], tuple[int, list[Exception]]]
) -> None:
    port = free_port()
    with ExitStack() as servers:  # the last of them outlives the callers

        def restart_twice() -> None:
            for last in (False, False, True):
                server = servers.enter_context(ServerProcess(repository, port=port))
                with DigitClient(server.target) as client:
                    answered(client, 300)
                assert last or server.stop() == 0

        right, errors = under_load(f"127.0.0.1:{port}", restart_twice)
    assert not errors
    assert right > 500


def test_a_batch_under_way_survives_sigterm(repository: Path) -> None:
    images = np.stack([image_of(row % 10) for row in range(20_000)])
    with ServerProcess(repository) as server, DigitClient(server.target, timeout_s=20) as client:
        answers = client.classify_stream(iter(images))
        digits = [next(answers).digit for _ in range(300)]
        server.send(signal.SIGTERM)
        port = server.port
        assert server.wait() == 0
        with ServerProcess(repository, port=port):
            digits += [answer.digit for answer in answers]
    assert digits == [row % 10 for row in range(20_000)]


def test_no_model_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "My_Model" / "1").mkdir(parents=True)  # such names are left alone
    result = run_server("--models", str(tmp_path), "--port", "0")
    assert result.returncode == 1
    assert result.stderr.strip() == (
        f"Error: no model in {tmp_path} (--models): want <name>/<version>/model.onnx there,"
        " a name of a-z, 0-9 and - that begins with a letter, and a number as the version"
    )


def test_a_default_model_that_is_not_there_is_one_clear_line(repository: Path) -> None:
    result = run_server("--models", str(repository), "--port", "0", "--default-model", "letters")
    assert result.returncode == 1
    assert f"Error: no model 'letters' in {repository}, which has digits" in result.stderr


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_taken_port_is_one_clear_line(repository: Path, transport: str) -> None:
    with ServerProcess(repository, "--transport", transport) as server:
        result = run_server("--models", str(repository), "--port", str(server.port), "--transport", transport)
    assert result.returncode == 1
    assert result.stderr == (
        f"Error: cannot listen on 127.0.0.1:{server.port}: is it taken, or not an address of this machine?\n"
    )


def test_a_host_that_is_none_is_one_clear_line(repository: Path) -> None:
    result = run_server("--models", str(repository), "--host", "nobody.invalid", "--port", "7")
    assert result.returncode == 1
    assert result.stderr == (
        "Error: cannot listen on nobody.invalid:7: is it taken, or not an address of this machine?\n"
    )


def test_a_corrupt_model_is_never_served(repository: Path) -> None:
    path = repository / "digits" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with ServerProcess(repository, until_serving=False) as server:
        with DigitClient(server.target) as client:
            while (model := client.model()).state is ModelState.LOADING:
                pass
        assert server.health() == "NOT_SERVING"
        assert server.stop() == 0
    assert "model digits/1 is refused: model.onnx is damaged" in server.log
    assert model.state is ModelState.FAILED
    assert "model.onnx is damaged" in model.state_reason
