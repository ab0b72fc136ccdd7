"""The gRPC services that this server implements, by their full names, and their handlers for grpcio."""

from typing import Any

import grpc
from digitserve.inference import grpc_service_pb2
from digitserve.v1 import digit_service_pb2, model_service_pb2

SERVICES = {
    service.full_name: service
    for file in (digit_service_pb2, model_service_pb2, grpc_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
}
DIGIT_SERVICE, MODEL_SERVICE, INFERENCE_SERVICE = SERVICES


def handlers_of(servicer: Any) -> dict[str, Any]:
    """A handler from bytes to bytes for each method of a servicer's `service`, by the method's name."""
    return {
        method.name: (
            grpc.stream_stream_rpc_method_handler(getattr(servicer, method.name))
            if method.client_streaming
            else grpc.unary_unary_rpc_method_handler(getattr(servicer, method.name))
        )
        for method in SERVICES[servicer.service].methods
    }
