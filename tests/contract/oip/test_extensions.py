"""Triton's additions to the protocol, of servers that say they have them."""

import grpc
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from oip_client import ANY_SIZE, OipClient, arrays, shape_of

DATA_TYPES = {"BYTES": "TYPE_STRING"}


def needs(client: OipClient, extension: str) -> None:
    extensions = client.call("ServerMetadata", pb.ServerMetadataRequest()).extensions
    if extension not in extensions:
        pytest.skip(f"the server has no extension {extension!r}")


def statistics(client: OipClient) -> pb.ModelStatistics:
    response = client.call("ModelStatistics", pb.ModelStatisticsRequest(name=client.model))
    (entry,) = response.model_stats
    assert isinstance(entry, pb.ModelStatistics)
    return entry


def test_the_configuration_agrees_with_the_metadata(client: OipClient) -> None:
    needs(client, "model_configuration")
    config = client.call("ModelConfig", pb.ModelConfigRequest(name=client.model)).config
    metadata = client.metadata()
    assert config.name == client.model
    for configured, described in ((config.input, metadata.inputs), (config.output, metadata.outputs)):
        assert [tensor.name for tensor in configured] == [tensor.name for tensor in described]
        for ours, theirs in zip(configured, described, strict=True):
            batch = [ANY_SIZE] if config.max_batch_size else []
            assert [*batch, *ours.dims] == list(theirs.shape)
            wanted = DATA_TYPES.get(theirs.datatype, f"TYPE_{theirs.datatype}")
            assert pb.DataType.Name(ours.data_type) == wanted


def test_statistics_count_rows_and_requests(client: OipClient) -> None:
    needs(client, "statistics")
    before = statistics(client)
    for rows in (1, 2, 3):
        client.call("ModelInfer", client.request(rows))
    after = statistics(client)
    batches = client.metadata().inputs[0].shape[0] == ANY_SIZE
    assert after.inference_count - before.inference_count == (6 if batches else 3)
    assert after.execution_count - before.execution_count == 3
    for name in ("success", "queue", "compute_infer"):
        ours, earlier = getattr(after.inference_stats, name), getattr(before.inference_stats, name)
        assert ours.count - earlier.count == 3
        assert ours.ns > earlier.ns
    assert after.inference_stats.success.ns >= after.inference_stats.compute_infer.ns
    assert after.last_inference >= before.last_inference > 0 or not before.last_inference


def test_statistics_of_all_models_have_this_one(client: OipClient) -> None:
    needs(client, "statistics")
    response = client.call("ModelStatistics", pb.ModelStatisticsRequest())
    assert client.model in {entry.name for entry in response.model_stats}


def test_the_index_has_the_model(client: OipClient) -> None:
    needs(client, "model_repository")
    for only_ready in (False, True):
        models = client.call("RepositoryIndex", pb.RepositoryIndexRequest(ready=only_ready)).models
        states = {(entry.name, entry.version): entry.state for entry in models}
        for version in client.metadata().versions:
            assert states[client.model, version] == "READY"


@pytest.mark.parametrize(
    ("extension", "method"), [("model_configuration", "ModelConfig"), ("statistics", "ModelStatistics")]
)
def test_what_is_unknown_is_not_found(client: OipClient, extension: str, method: str) -> None:
    needs(client, extension)
    request = getattr(pb, f"{method}Request")(name="no-such-model")
    assert client.error(method, request).code is grpc.StatusCode.NOT_FOUND


def test_a_stream_answers_in_order(client: OipClient) -> None:
    requests = [client.request(rows=1 + number % 3, id=str(number)) for number in range(12)]
    responses = client.stream(*requests)
    assert [response.error_message for response in responses] == [""] * 12
    assert [response.infer_response.id for response in responses] == [request.id for request in requests]
    described = client.metadata().outputs
    for number, response in enumerate(responses):
        outputs = arrays(response.infer_response)
        for tensor in described:
            assert list(outputs[tensor.name].shape) == shape_of(tensor, 1 + number % 3)


def test_a_stream_goes_on_after_a_request_that_is_refused(client: OipClient) -> None:
    wrong = client.request(id="wrong")
    wrong.raw_input_contents[0] += b"\0"
    unknown = client.request(id="unknown")
    unknown.model_name = "no-such-model"
    responses = client.stream(client.request(id="first"), wrong, unknown, client.request(id="last"))
    assert [bool(response.error_message) for response in responses] == [False, True, True, False]
    assert "bytes" in responses[1].error_message
    assert "no-such-model" in responses[2].error_message
    assert [response.infer_response.id for response in responses[::3]] == ["first", "last"]


def test_an_empty_stream(client: OipClient) -> None:
    assert client.stream() == []
