"""Marks every test with the name of its folder, and gives all of them a model repository."""

import os
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # connections that break are what some tests are about
os.environ.setdefault("no_grpc_proxy", "127.0.0.1,localhost")  # whatever proxy this machine has

import pytest
from bundled import copy_bundled
from tiny_model import write_tiny_model

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folder = marker: `pytest -m unit` runs tests/unit."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])


@pytest.fixture(scope="session")
def bundled_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository that holds the versions that are delivered, and no others."""
    return copy_bundled(tmp_path_factory.mktemp("bundled") / "models")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A model repository that holds the tiny model as digits/1."""
    write_tiny_model(tmp_path / "models")
    return tmp_path / "models"
