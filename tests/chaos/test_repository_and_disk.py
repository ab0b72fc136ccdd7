"""A repository that is corrupt or cannot be read, a disk that is full: while our clients call.

A worker that is killed meanwhile is tried again and again, the others serve on; and it serves once things
are mended.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from digitserve_bench.payloads import model_folder
from digitserve_client import DigitClient
from disturbance.crowd import Crowd
from disturbance.ledger import Note
from disturbance.plan import Plan
from server_in_process import free_port
from server_process import ServerProcess

SHORT = ("grpcio",)  # transports
WORKERS = 2
SERVES = r"worker \d \(process (\d+)\) serves"
AGAIN = r"started again in \d"
PLAIN_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")  # permissions hold for it, too
CALLS = 100
DISK = ("-t", "tmpfs", "-o", "size=8m,nr_inodes=64")

Action = Callable[[], object]


def start(repository: Path, transport: str) -> ServerProcess:
    """Two workers, for whom the permissions of files hold."""
    server = ServerProcess(repository, "--workers", str(WORKERS), "--transport", transport)
    if not os.geteuid():
        if not shutil.which(PLAIN_ROOT[0]):
            pytest.skip("everything is readable for root, and there is no setpriv")
        server.command = [*PLAIN_ROOT, *server.command]
    return server


def broken_for_a_while(server: ServerProcess, harm: Action, mend: Action) -> None:
    """Until a worker has been killed, and its successor has not been able to start."""
    serving, tried = server.logged(SERVES, times=WORKERS), server.log.count("started again in")
    harm()
    os.kill(int(serving[-1]), signal.SIGKILL)
    server.logged(AGAIN, times=tried + 2)
    mend()
    server.logged(SERVES, times=len(serving) + 1)


def test_a_repository_that_is_broken_for_a_while(
    repository: Path, transport: str, plan: Plan, note: Note, tmp_path: Path
) -> None:
    folder = model_folder(repository)
    model = folder / "model.onnx"
    whole = shutil.copy(model, tmp_path)
    flip = partial(model.write_bytes, model.read_bytes()[:-1] + b"\0")
    breaks: dict[str, tuple[Action, Action]] = {
        "a corrupt model": (flip, partial(shutil.copy, whole, model)),
        "an unreadable folder": (partial(folder.chmod, 0o000), partial(folder.chmod, 0o755)),
    }
    with (
        start(repository, transport) as server,
        Crowd(server.target, repository, processes=plan.callers) as crowd,
    ):
        for what, (harm, mend) in breaks.items():
            tallies = crowd.during(partial(broken_for_a_while, server, harm, mend))
            note(f"{what}, and kill -9 of a worker", server, tallies, processes=WORKERS)
    assert "is refused: model.onnx is damaged" in server.log
    assert "manifest.json cannot be read: Permission denied" in server.log


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(["mount", *DISK, "none", str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small file system can be mounted here: {error}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk(repository: Path, transport: str, note: Note, disk: Path) -> None:
    """Where the models lie, the log goes and temporary files are kept."""
    on_disk = Path(shutil.copytree(repository, disk / "models"))
    log = disk / "log"
    flags = ("--workers", "1", "--transport", transport, "--log-level", "debug")
    server = ServerProcess(on_disk, *flags, port=free_port())
    server.command = ["env", f"TMPDIR={disk}", "sh", "-c", f'exec "$@" 2>>{log}', "sh", *server.command]

    def disturb() -> None:
        with full(disk), DigitClient(server.target, timeout_s=20) as client:
            for _ in range(CALLS):
                client.model()
            assert server.stop() == 0
            server.start_again()

    with server:
        with Crowd(server.target, repository) as crowd:
            tallies = crowd.during(disturb)
        written = log.stat().st_size
        note("a full disk under models, log and temporary files; a restart on it", server, tallies)
        assert log.stat().st_size > written


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """No byte and no file more fits on it while the block runs."""
    filling = disk / "filling"
    filling.mkdir()
    with contextlib.suppress(OSError), (filling / "bytes").open("wb", buffering=0) as file:
        while file.write(bytes(2**16)):
            pass
    with contextlib.suppress(OSError):
        for number in count():
            (filling / str(number)).touch()
    with pytest.raises(OSError, match="No space left"):
        (disk / "more").write_bytes(b"more")
    yield
    shutil.rmtree(filling)
