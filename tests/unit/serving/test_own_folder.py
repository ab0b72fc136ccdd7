import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from digitserve_serving.own_folder import OwnFolder

KILLED = """
import os, signal
from digitserve_serving.own_folder import OwnFolder

folder = OwnFolder()
(folder.path / "grpc").touch()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_that_of_a_process_that_was_killed_goes_with_the_next_one(temporary: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (left,) = temporary.iterdir()
    mine, others = OwnFolder(), OwnFolder()
    assert {*temporary.iterdir()} == {mine.path, others.path}, "those in use stay"
    assert left not in (mine.path, others.path)
    mine.remove()
    others.remove()
    assert not [*temporary.iterdir()]
