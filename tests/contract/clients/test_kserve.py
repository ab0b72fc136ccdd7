"""KServe's InferenceGRPCClient."""

from pathlib import Path
from typing import Any

import pytest
from other_clients import MAKING_TIMEOUT_S, answers_of

pytestmark = [
    pytest.mark.timeout(MAKING_TIMEOUT_S + 120),  # which may be done first
    # With one transport: importing kserve takes seconds.
    pytest.mark.parametrize("target", ["native"], indirect=True, scope="module"),
]
SCRIPT = Path(__file__).with_name("kserve_calls.py")


@pytest.fixture(scope="module")
def answers(target: str) -> Any:
    return answers_of("kserve", "bin/python", SCRIPT, target)


def test_health(answers: Any) -> None:
    assert answers["live"] is answers["ready"] is answers["model ready"] is True


@pytest.mark.parametrize(("asked", "id_"), [("raw", "seven"), ("numbers", "eight"), ("version", "nine")])
def test_predictions(answers: Any, asked: str, id_: str) -> None:
    assert answers[asked] == {
        "digits": [7, 1, 4],
        "datatype": "FP32",
        "model": ["digits", "1"],
        "id": id_,
    }


def test_refusals(answers: Any) -> None:
    assert answers["unknown"][0] == "StatusCode.NOT_FOUND"
    status, message = answers["malformed"]
    assert status == "StatusCode.INVALID_ARGUMENT"
    assert "expected 784 elements, got 783" in message
