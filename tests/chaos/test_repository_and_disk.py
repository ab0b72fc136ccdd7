"""A disk that is full, a repository that cannot be read or is corrupt: while our clients call, a worker is killed.

The others serve on, its successor is tried again and again, and serves once things are mended.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from digitserve_bench.payloads import model_folder
from disturbance.crowd import Crowd
from disturbance.ledger import Note
from server_process import ServerProcess

WORKERS = 2
SERVES = r"worker \d \(process (\d+)\) serves"
AGAIN = r"started again in \d"
PLAIN_ROOT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")  # permissions hold for it, too
DISK = ("-t", "tmpfs", "-o", "size=8m,nr_inodes=64")


def start(repository: Path, transport: str, *prefix: str) -> ServerProcess:
    """Two workers; `prefix` is the beginning of the command."""
    server = ServerProcess(repository, "--workers", str(WORKERS), "--transport", transport)
    server.command = [*prefix, *server.command]
    return server


def kill_a_worker(server: ServerProcess) -> None:
    os.kill(int(server.logged(SERVES, times=WORKERS)[-1]), signal.SIGKILL)


def broken_for_a_while(server: ServerProcess, harm: Callable[[], None], mend: Callable[[], None]) -> None:
    """Until a worker has been killed, and its successor has not been able to start."""
    serving, tried = len(server.logged(SERVES, times=WORKERS)), server.log.count("started again in")
    harm()
    kill_a_worker(server)
    server.logged(AGAIN, times=tried + 2)
    mend()
    server.logged(SERVES, times=serving + 1)


def test_a_corrupt_model(repository: Path, transport: str, note: Note, tmp_path: Path) -> None:
    model = model_folder(repository) / "model.onnx"
    whole = Path(shutil.copy(model, tmp_path))

    def harm() -> None:
        model.write_bytes(model.read_bytes()[:-1] + b"\0")

    with start(repository, transport) as server, Crowd(server.target, repository) as crowd:
        tallies = crowd.during(partial(broken_for_a_while, server, harm, lambda: shutil.copy(whole, model)))
        note("a corrupt model, and kill -9 of a worker", server, tallies, processes=WORKERS)
    assert "is refused: model.onnx is damaged" in server.log


def test_an_unreadable_folder(repository: Path, transport: str, note: Note) -> None:
    folder = model_folder(repository)
    prefix = () if os.geteuid() else PLAIN_ROOT
    if prefix and not shutil.which(prefix[0]):
        pytest.skip("everything is readable for root, and there is no setpriv")
    with start(repository, transport, *prefix) as server, Crowd(server.target, repository) as crowd:
        chmod = folder.chmod
        disturb = partial(broken_for_a_while, server, partial(chmod, 0o000), partial(chmod, 0o755))
        tallies = crowd.during(disturb)
        note("an unreadable version, and kill -9 of a worker", server, tallies, processes=WORKERS)
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
    prefix = ("env", f"TMPDIR={disk}")

    with start(on_disk, transport, *prefix) as server, Crowd(server.target, repository) as crowd:
        ...
