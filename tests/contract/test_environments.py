"""What each environment and each wheel may hold."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAINING_ONLY = {"tensorflow", "tensorflow-cpu", "keras", "tf2onnx", "onnx", "scikit-learn"}
PACKAGES = ["protos", "serving", "clients/python", "clients/web", "training"]


def locked(name: str) -> set[str]:
    """The packages in a lock."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))


@pytest.mark.parametrize("lock", ["serving", "client", "web"])
def test_serving_and_client_environments_hold_nothing_of_training(lock: str) -> None:
    assert locked(lock)
    assert not locked(lock) & TRAINING_ONLY


@pytest.mark.parametrize("lock", ["client", "web"])
def test_a_client_environment_holds_no_onnxruntime(lock: str) -> None:
    assert "onnxruntime" not in locked(lock)


@pytest.mark.parametrize(
    "modules",
    [
        "digitserve_serving.server, digitserve_serving.cli",
        "digitserve_client, digitserve_client.cli",
        "digitserve_web.server, digitserve_web.cli",
    ],
)
def test_serving_and_client_import_nothing_of_training(modules: str) -> None:
    code = f"import sys, {modules}; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    roots = {name.partition(".")[0] for name in imported.stdout.split()}
    assert not roots & {"tensorflow", "keras", "tf2onnx", "onnx", "sklearn", "digitserve_training"}


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_locks_hold_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert text.count("==") <= text.count("--hash=sha256:")
    assert not re.search(r"https?://|index-url|find-links", text)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_wheel_takes_a_common_name(package: str) -> None:
    project = tomllib.loads((ROOT / package / "pyproject.toml").read_text())
    names = [Path(p).name for p in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
    assert names
    assert all(name.startswith("digitserve") for name in names)
