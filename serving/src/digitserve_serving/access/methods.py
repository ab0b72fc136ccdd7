"""What a caller must be allowed to, by the full name of the method."""

from digitserve_serving.access.tokens import Scope
from digitserve_serving.services import INFERENCE_SERVICE, MODEL_SERVICE, SERVICES

MODEL_CONTROL = ("LoadModel", "UnloadModel", "SetDefault", "Rollback")
OIP_MODEL_CONTROL = ("RepositoryModelLoad", "RepositoryModelUnload")

ADMIN_METHODS = frozenset(
    {f"/{MODEL_SERVICE}/{name}" for name in MODEL_CONTROL}
    | {f"/{INFERENCE_SERVICE}/{name}" for name in OIP_MODEL_CONTROL}
)
"""Methods that change what is served."""

OPEN_METHODS = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        f"/{INFERENCE_SERVICE}/ServerLive",
        f"/{INFERENCE_SERVICE}/ServerReady",
    }
)
"""Health checks, for anybody: balancers and kubelets have no token, and learn but yes or no."""

COUNTED_METHODS = frozenset(
    f"/{name}/{method.name}" for name, service in SERVICES.items() for method in service.methods
)
"""Those whose refusals are counted by name: callers could make up any number of others."""


def scope_for(method: str) -> Scope:
    """The scope that a method wants, if it is not an open one; reflection and unknown ones want infer."""
    return Scope.ADMIN if method in ADMIN_METHODS else Scope.INFER
