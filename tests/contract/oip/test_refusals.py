"""Requests that are not exactly right: each is refused, and told what is."""

from collections.abc import Callable

import grpc
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from oip_client import ELEMENTS, OipClient, size_bytes

Damage = Callable[[pb.ModelInferRequest], None]


def no_inputs(request: pb.ModelInferRequest) -> None:
    del request.inputs[:]
    del request.raw_input_contents[:]


def an_input_of_another_name(request: pb.ModelInferRequest) -> None:
    request.inputs[0].name = "nobody"


def an_input_too_many(request: pb.ModelInferRequest) -> None:
    request.inputs.add(name="nobody", datatype="FP32", shape=[1])
    request.raw_input_contents.append(bytes(4))


def an_input_twice(request: pb.ModelInferRequest) -> None:
    request.inputs.append(request.inputs[0])
    request.raw_input_contents.append(request.raw_input_contents[0])


def another_datatype(request: pb.ModelInferRequest) -> None:
    request.inputs[0].datatype = "INT64" if request.inputs[0].datatype != "INT64" else "FP32"


def no_datatype(request: pb.ModelInferRequest) -> None:
    request.inputs[0].datatype = ""


def a_datatype_in_lower_case(request: pb.ModelInferRequest) -> None:
    request.inputs[0].datatype = request.inputs[0].datatype.lower()


def no_shape(request: pb.ModelInferRequest) -> None:
    del request.inputs[0].shape[:]


def an_axis_too_many(request: pb.ModelInferRequest) -> None:
    request.inputs[0].shape.append(1)


def an_axis_too_few(request: pb.ModelInferRequest) -> None:
    del request.inputs[0].shape[0]


def a_larger_axis(request: pb.ModelInferRequest) -> None:
    request.inputs[0].shape[-1] += 1


def a_row_more_than_there_is(request: pb.ModelInferRequest) -> None:
    request.inputs[0].shape[0] += 1


def a_negative_batch(request: pb.ModelInferRequest) -> None:
    request.inputs[0].shape[0] = -1


def an_empty_batch(request: pb.ModelInferRequest) -> None:
    request.inputs[0].shape[0] = 0
    request.raw_input_contents[0] = b""


def an_enormous_batch(request: pb.ModelInferRequest) -> None:
    request.inputs[0].shape[0] = 2**63 - 1


def a_byte_too_few(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[0] = request.raw_input_contents[0][:-1]


def a_byte_too_many(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[0] += b"\0"


def an_empty_entry(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[0] = b""


def an_entry_too_many(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents.append(b"")


def no_contents(request: pb.ModelInferRequest) -> None:
    del request.raw_input_contents[:]


def raw_and_numbers(request: pb.ModelInferRequest) -> None:
    getattr(request.inputs[0].contents, ELEMENTS[request.inputs[0].datatype].contents).append(0)


def raw_and_numbers_of_none(request: pb.ModelInferRequest) -> None:
    request.inputs[0].contents.SetInParent()


def an_unknown_output(request: pb.ModelInferRequest) -> None:
    request.outputs.add(name="nobody")


DAMAGES: list[Damage] = [
    no_inputs,
    an_input_of_another_name,
    an_input_too_many,
    an_input_twice,
    another_datatype,
    no_datatype,
    a_datatype_in_lower_case,
    no_shape,
    an_axis_too_many,
    an_axis_too_few,
    a_larger_axis,
    a_row_more_than_there_is,
    a_negative_batch,
    an_empty_batch,
    an_enormous_batch,
    a_byte_too_few,
    a_byte_too_many,
    an_empty_entry,
    an_entry_too_many,
    no_contents,
    raw_and_numbers,
    raw_and_numbers_of_none,
    an_unknown_output,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_malformed_request(client: OipClient, damage: Damage) -> None:
    request = client.request()
    damage(request)
    error = client.error("ModelInfer", request)
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT, error
    assert error.message
    client.call("ModelInfer", client.request())


@pytest.mark.parametrize("damage", [a_byte_too_few, a_byte_too_many, an_empty_entry])
def test_the_size_that_came_and_the_size_that_is_wanted(client: OipClient, damage: Damage) -> None:
    request = client.request()
    sent = request.inputs[0]
    wanted = size_bytes(sent.datatype, list(sent.shape))
    damage(request)
    message = client.error("ModelInfer", request).message
    assert f"expected {wanted} bytes, got {len(request.raw_input_contents[0])}" in message


@pytest.mark.parametrize("more", [-1, 1])
def test_the_wrong_count_of_numbers(client: OipClient, more: int) -> None:
    request = client.request_of_numbers()
    contents = getattr(request.inputs[0].contents, ELEMENTS[request.inputs[0].datatype].contents)
    wanted = len(contents)
    contents.append(0)
    del contents[wanted + more :]
    error = client.error("ModelInfer", request)
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert f"expected {wanted} elements, got {wanted + more}" in error.message


def test_numbers_of_another_type(client: OipClient) -> None:
    request = client.request_of_numbers()
    datatype = request.inputs[0].datatype
    count = len(getattr(request.inputs[0].contents, ELEMENTS[datatype].contents))
    request.inputs[0].contents.Clear()
    other = "fp64_contents" if datatype != "FP64" else "int64_contents"
    getattr(request.inputs[0].contents, other).extend([0] * count)
    assert client.error("ModelInfer", request).code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_number_out_of_range(client: OipClient) -> None:
    request = client.request_of_numbers()
    if request.inputs[0].datatype != "UINT8":
        pytest.skip("the field has no number that is out of this model's range")
    request.inputs[0].contents.uint_contents[5] = 256
    error = client.error("ModelInfer", request)
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "256" in error.message
