"""Reads handwritten digits with a Digitserve server.

    from digitserve_client import DigitClient

    with DigitClient("localhost:50051") as client:
        print(client.classify("seven.png"))
"""

from digitserve_client.async_client import AsyncDigitClient
from digitserve_client.channel import VERSION as __version__
from digitserve_client.client import DigitClient
from digitserve_client.errors import (
    AccessDenied,
    CallError,
    Cancelled,
    ClientClosed,
    DeadlineExceeded,
    DigitserveError,
    FieldViolation,
    InvalidArgument,
    InvalidImage,
    MissingExtra,
    ModelFailed,
    ModelNotFound,
    Overloaded,
    RequestTooLarge,
    ServerError,
    TryLater,
    Unavailable,
    UnreadablePicture,
    Unsupported,
)
from digitserve_client.models import Health, Model, ModelState
from digitserve_client.results import Classification, Classifications
from digitserve_client.retry import RetryPolicy

__all__ = [
    "AccessDenied",
    "AsyncDigitClient",
    "CallError",
    "Cancelled",
    "Classification",
    "Classifications",
    "ClientClosed",
    "DeadlineExceeded",
    "DigitClient",
    "DigitserveError",
    "FieldViolation",
    "Health",
    "InvalidArgument",
    "InvalidImage",
    "MissingExtra",
    "Model",
    "ModelFailed",
    "ModelNotFound",
    "ModelState",
    "Overloaded",
    "RequestTooLarge",
    "RetryPolicy",
    "ServerError",
    "TryLater",
    "Unavailable",
    "UnreadablePicture",
    "Unsupported",
    "__version__",
]
