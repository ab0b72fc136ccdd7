"""What the server tells about its models and about itself."""

from dataclasses import dataclass
from enum import StrEnum


class ModelState(StrEnum):
    """Where a model version stands in its life."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    UNLOADED = "unloaded"
    """In the repository and not loaded."""
    UNKNOWN = "unknown"
    """A state this client is too old to know."""


class Health(StrEnum):
    """What grpc.health.v1 says of a server or of one of its services."""

    SERVING = "SERVING"
    NOT_SERVING = "NOT_SERVING"
    SERVICE_UNKNOWN = "SERVICE_UNKNOWN"
    """The server has no service of that name."""
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One version of a model on the server.

    is_default: True for the version that answers calls which name no model.
    state_reason: why the state is FAILED, or UNLOADED by a call; "" otherwise.
    labels: of the classes, in the order of their indices; empty unless READY.
    height_px, width_px: of the images the model takes; None unless READY.
    review_threshold: answers with a lower confidence, 0 to 1, are marked needs_review; None unless READY.
    review_promise: what that threshold promises, in one sentence; "" unless READY.
    test_accuracy: share of the test images read correctly, 0 to 1; None unless READY.
    sha256: of the ONNX file, in lower-case hexadecimal; "" unless READY.
    version_labels: such as "stable", which calls may give in place of the version.
    """

    name: str
    version: str
    state: ModelState
    state_reason: str = ""
    is_default: bool = False
    labels: tuple[str, ...] = ()
    height_px: int | None = None
    width_px: int | None = None
    review_threshold: float | None = None
    review_promise: str = ""
    test_accuracy: float | None = None
    sha256: str = ""
    version_labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}/{self.version} ({self.state})"
