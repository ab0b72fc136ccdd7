"""NVIDIA's tritonclient: sync, asyncio and stream."""

from pathlib import Path
from typing import Any

import pytest
from administration import TOKEN, admin_flags
from digitserve.inference import grpc_service_pb2 as pb
from google.protobuf.descriptor import Descriptor
from other_clients import MAKING_TIMEOUT_S, answers_of
from server_process import ServerProcess
from tiny_model import write_tiny_model

pytestmark = pytest.mark.timeout(MAKING_TIMEOUT_S + 120)  # which may be done first
SCRIPT = Path(__file__).with_name("triton_calls.py")
CONTROL = SCRIPT.with_name("triton_control.py")
METADATA = {
    "name": "digits",
    "versions": ["1"],
    "platform": "onnx_onnxv1",
    "inputs": [{"name": "images", "datatype": "UINT8", "shape": ["-1", "28", "28"]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": ["-1", "10"]}],
}


@pytest.fixture(scope="module")
def answers(target: str) -> Any:
    return answers_of("tritonclient", "bin/python", SCRIPT, target)


def test_health_and_descriptions(answers: Any) -> None:
    sync = answers["synchronous"]
    assert sync["live"] is sync["ready"] is sync["model ready"] is True
    assert sync["server"]["name"] == "digitserve"
    assert sync["metadata"] == METADATA
    config = sync["config"]["config"]
    assert (config["backend"], config["max_batch_size"]) == ("onnxruntime", 4096)
    assert config["input"] == [{"name": "images", "data_type": "TYPE_UINT8", "dims": ["28", "28"]}]
    assert config["output"] == [{"name": "probabilities", "data_type": "TYPE_FP32", "dims": ["10"]}]
    assert sync["index"] == {"models": [{"name": "digits", "version": "1", "state": "READY"}]}


def test_a_model_is_unloaded_and_loaded(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "models")
    with ServerProcess(tmp_path / "models", *admin_flags(tmp_path)) as server:
        control = answers_of("tritonclient", "bin/python", CONTROL, server.target, TOKEN)
    assert control == [False, True]


def test_predictions(answers: Any) -> None:
    sync = answers["synchronous"]
    assert sync["digits"] == [7, 1, 4]
    assert (sync["id"], sync["version"]) == ("seven", "1")
    assert sync["digits by name"] == [3]
    assert sync["digits by callback"] == [9]


def test_statistics(answers: Any) -> None:
    (entry,) = answers["synchronous"]["statistics"]["model_stats"]
    assert int(entry["inference_count"]) == 5
    assert entry["inference_stats"]["success"]["count"] == "3"


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("model", "NOT_FOUND", "there is no model 'nobody'"),
        ("version", "NOT_FOUND", "there is no model 'digits/9'"),
        ("no batch axis", "INVALID_ARGUMENT", "is [28, 28], without the batch axis"),
        ("output", "INVALID_ARGUMENT", "is 'nobody'; the model gives 'probabilities'"),
        ("sequence", "INVALID_ARGUMENT", "parameters['sequence_"),
        ("shared memory", "INVALID_ARGUMENT", "inputs[0].parameters['shared_memory_"),
        ("classes", "INVALID_ARGUMENT", "outputs[0].parameters['classification']"),
        ("trace", "UNIMPLEMENTED", ""),
        ("load", "PERMISSION_DENIED", "admin calls are switched off"),
        ("unload", "PERMISSION_DENIED", "admin calls are switched off"),
    ],
)
def test_refusals(answers: Any, name: str, status: str, words: str) -> None:
    sent_status, message = answers["synchronous"]["refusals"][name]
    assert sent_status == f"StatusCode.{status}"
    assert words in message


def test_asyncio(answers: Any) -> None:
    asynchronous = answers["asynchronous"]
    assert asynchronous["ready"] is True
    assert asynchronous["metadata"] == METADATA
    assert asynchronous["digits"] == list(range(10))
    assert asynchronous["stream"] == [[str(digit), digit] for digit in range(5)]


def test_a_stream_outlives_a_refusal(answers: Any) -> None:
    first, refused, last = answers["stream"]
    assert (first, last) == ([2], [7, 1, 4])
    assert "without the batch axis" in refused


def described(message: Descriptor) -> dict[str, Any]:
    kinds = {message.full_name: {f.name: [f.number, f.type, f.is_repeated] for f in message.fields}}
    for nested in message.nested_types:
        kinds |= described(nested)
    return kinds


def test_our_messages_are_a_part_of_theirs(answers: Any) -> None:
    ours = {
        name: fields
        for message in pb.DESCRIPTOR.message_types_by_name.values()
        for name, fields in described(message).items()
    }
    assert len(ours) > 40
    for name, fields in ours.items():
        assert fields.items() <= answers["wire"][name].items(), name
