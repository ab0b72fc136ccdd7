"""Reads handwritten digits with a Digitserve server.

    from digitserve_client import DigitClient

    with DigitClient("localhost:50051") as client:
        print(client.classify("seven.png"))
        print(client.read("form.jpg"))

`AsyncDigitClient` is the same for asyncio. What can go wrong is one tree below `DigitserveError`.
Pictures need the extra `images`; without it, arrays of 28x28 pixels can be sent.
"""

from digitserve_client.async_client import AsyncDigitClient
from digitserve_client.channel import VERSION
from digitserve_client.client import DigitClient
from digitserve_client.credentials import Tls
from digitserve_client.errors import (
    AccessDenied,
    CallError,
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
    TlsFailed,
    TryLater,
    Unavailable,
    UnreadablePicture,
    Unsupported,
)
from digitserve_client.models import Health, Model, ModelState
from digitserve_client.page import DigitString, Page, PageDigit, Quad
from digitserve_client.results import Classification, Classifications
from digitserve_client.retry import RetryPolicy

__version__ = VERSION

__all__ = [
    "AccessDenied",
    "AsyncDigitClient",
    "CallError",
    "Classification",
    "Classifications",
    "ClientClosed",
    "DeadlineExceeded",
    "DigitClient",
    "DigitString",
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
    "Page",
    "PageDigit",
    "Quad",
    "RequestTooLarge",
    "RetryPolicy",
    "ServerError",
    "Tls",
    "TlsFailed",
    "TryLater",
    "Unavailable",
    "UnreadablePicture",
    "Unsupported",
    "__version__",
]
