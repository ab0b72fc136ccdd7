"""What a caller must be allowed to, by the full name of the method."""

from digitserve.inference import grpc_service_pb2
from digitserve.v1 import digit_service_pb2, model_service_pb2

from digitserve_serving.access.tokens import Scope

MODEL_CONTROL = ("LoadModel", "UnloadModel", "SetDefault", "Rollback")
OIP_MODEL_CONTROL = ("RepositoryModelLoad", "RepositoryModelUnload")

ADMIN_METHODS = frozenset(
    {f"/digitserve.v1.ModelService/{name}" for name in MODEL_CONTROL}
    | {f"/inference.GRPCInferenceService/{name}" for name in OIP_MODEL_CONTROL}
)
"""Methods that change what is served."""

OPEN_METHODS = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/inference.GRPCInferenceService/ServerLive",
        "/inference.GRPCInferenceService/ServerReady",
    }
)
"""Health checks, for anybody: balancers and kubelets have no token, and learn but yes or no."""

COUNTED_METHODS = frozenset(
    f"/{service.full_name}/{method.name}"
    for file in (digit_service_pb2, model_service_pb2, grpc_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
)
"""Those whose refusals are counted by name: callers could make up any number of others."""


def scope_for(method: str) -> Scope:
    """The scope that a method wants, if it is not an open one; reflection and unknown ones want infer."""
    return Scope.ADMIN if method in ADMIN_METHODS else Scope.INFER
