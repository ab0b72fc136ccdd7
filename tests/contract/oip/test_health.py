"""Is it alive, is it ready, what is it."""

import grpc
import pytest
from digitserve.inference import grpc_service_pb2 as pb
from oip_client import OipClient

OF_ONE_MODEL = ["ModelReady", "ModelMetadata"]


def test_the_server_is_alive_and_ready(client: OipClient) -> None:
    assert client.call("ServerLive", pb.ServerLiveRequest()).live
    assert client.call("ServerReady", pb.ServerReadyRequest()).ready


def test_the_server_says_what_it_is(client: OipClient) -> None:
    metadata = client.call("ServerMetadata", pb.ServerMetadataRequest())
    assert metadata.name
    assert metadata.version


def test_the_model_is_ready_by_name_and_by_each_version(client: OipClient) -> None:
    versions = client.metadata().versions
    assert versions
    for version in ["", *versions]:
        assert client.call("ModelReady", pb.ModelReadyRequest(name=client.model, version=version)).ready


def test_the_model_says_what_it_takes_and_gives(client: OipClient) -> None:
    metadata = client.metadata()
    assert metadata.name == client.model
    assert metadata.platform
    for tensors in (metadata.inputs, metadata.outputs):
        assert tensors
        assert len({tensor.name for tensor in tensors}) == len(tensors)
        assert all(tensor.datatype and tensor.shape for tensor in tensors)


@pytest.mark.parametrize("method", OF_ONE_MODEL)
@pytest.mark.parametrize("known", [True, False], ids=["version", "model"])
def test_what_is_unknown_is_not_found(client: OipClient, method: str, known: bool) -> None:
    request = getattr(pb, f"{method}Request")(name=client.model if known else "no-such-model", version="977")
    assert client.error(method, request).code is grpc.StatusCode.NOT_FOUND
