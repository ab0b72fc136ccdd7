"""A client in Node, generated from our .proto files with @grpc/grpc-js."""

import json
from pathlib import Path
from typing import Any

import pytest
from other_clients import MAKING_TIMEOUT_S, answers_of

pytestmark = pytest.mark.timeout(MAKING_TIMEOUT_S + 120)  # which may be done first
FOLDER = Path(__file__).with_name("node")
INVALID_ARGUMENT, NOT_FOUND = 3, 5


@pytest.fixture(scope="module")
def answers(target: str) -> Any:
    return answers_of("node", "node", FOLDER / "calls.cjs", target)


def test_the_domain_api(answers: Any) -> None:
    assert (answers["digit"], answers["label"]) == (7, "7")
    assert answers["model"] == {"name": "digits", "version": "1"}
    assert answers["batch"] == [3, 1, 4]
    assert answers["stream"] == [[2], [7]]
    assert answers["models"] == [["digits", "1"]]
    code, message = answers["too short"]
    assert code == INVALID_ARGUMENT
    assert "783 bytes" in message


def test_the_open_inference_protocol(answers: Any) -> None:
    assert answers["live"] is answers["ready"] is True
    assert answers["metadata"]["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert answers["inferred"] == ["node", [7, 1, 4]]
    assert answers["inferences"] == [["a", [5]], ["b", [6, 0]]]
    assert answers["malformed"][0] == INVALID_ARGUMENT
    assert "expected 784 bytes, got 783" in answers["malformed"][1]
    assert answers["unknown"][0] == NOT_FOUND


def test_the_lock_names_no_registry_and_has_a_hash_for_each_package() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    locked = [entry for name, entry in packages.items() if name]
    assert locked
    assert all("resolved" not in entry and entry["integrity"].startswith("sha512-") for entry in locked)
