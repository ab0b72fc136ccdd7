"""Predictions, whatever the model."""

import math

import grpc
import numpy as np
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from oip_client import ANY_SIZE, OipClient, arrays, shape_of, size_bytes


def infer(client: OipClient, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    response = client.call("ModelInfer", request)
    assert isinstance(response, pb.ModelInferResponse)
    return response


def test_raw_in_raw_out(client: OipClient) -> None:
    response = infer(client, client.request(rows=2))
    metadata = client.metadata()
    assert response.model_name == client.model
    assert response.model_version in metadata.versions
    assert [(o.name, o.datatype) for o in response.outputs] == [
        (tensor.name, tensor.datatype) for tensor in metadata.outputs
    ]
    assert len(response.raw_output_contents) == len(response.outputs)
    for output, raw in zip(response.outputs, response.raw_output_contents, strict=True):
        assert len(raw) == size_bytes(output.datatype, list(output.shape))
        assert not output.HasField("contents")


def test_each_output_has_the_shape_that_was_announced(client: OipClient) -> None:
    response = infer(client, client.request(rows=3))
    for output, tensor in zip(response.outputs, client.metadata().outputs, strict=True):
        assert len(output.shape) == len(tensor.shape)
        assert all(
            wanted in (ANY_SIZE, size) for size, wanted in zip(output.shape, tensor.shape, strict=True)
        )
        if tensor.shape[0] == ANY_SIZE:
            assert output.shape[0] == 3


def test_numbers_get_the_same_answer_as_bytes(client: OipClient) -> None:
    raw = arrays(infer(client, client.request(rows=2)))
    numbers = arrays(infer(client, client.request_of_numbers(rows=2)))
    assert raw.keys() == numbers.keys()
    for name in raw:
        np.testing.assert_array_equal(raw[name], numbers[name])


@pytest.mark.parametrize("sent", ["", "a", "an id of 'some' Ümläut", "7" * 300])
def test_the_id_comes_back(client: OipClient, sent: str) -> None:
    assert infer(client, client.request(id=sent)).id == sent


def test_a_version_that_is_named_answers(client: OipClient) -> None:
    for version in client.metadata().versions:
        assert infer(client, client.request(model_version=version)).model_version == version


def test_an_output_that_is_named_comes_alone(client: OipClient) -> None:
    for tensor in client.metadata().outputs:
        request = client.request()
        request.outputs.add(name=tensor.name)
        response = infer(client, request)
        assert [output.name for output in response.outputs] == [tensor.name]
        assert len(response.raw_output_contents) == 1


def test_a_row_is_answered_alike_alone_and_among_others(client: OipClient) -> None:
    metadata = client.metadata()
    if any(tensor.shape[0] != ANY_SIZE for tensor in [*metadata.inputs, *metadata.outputs]):
        pytest.skip("the model takes no batches")
    alone, among = (arrays(infer(client, client.request(rows=rows))) for rows in (1, 5))
    for name, rows in among.items():
        np.testing.assert_allclose(rows, np.repeat(alone[name], 5, axis=0), rtol=1e-4, atol=1e-6)


def test_many_calls_at_once_each_get_their_own(client: OipClient) -> None:
    calls = [
        (rows, client.stub.ModelInfer.future(client.request(rows, id=f"{number}"), timeout=20))
        for number, rows in enumerate([1, 2, 3] * 8)
    ]
    for number, (rows, call) in enumerate(calls):
        response = call.result()
        assert response.id == str(number)
        for output, tensor in zip(response.outputs, client.metadata().outputs, strict=True):
            assert list(output.shape) == shape_of(tensor, rows)
            assert math.prod(output.shape)


@pytest.mark.parametrize("known", [True, False], ids=["version", "model"])
def test_what_is_unknown_is_not_found(client: OipClient, known: bool) -> None:
    request = client.request(model_version="977")
    request.model_name = client.model if known else "no-such-model"
    assert client.error("ModelInfer", request).code is grpc.StatusCode.NOT_FOUND
