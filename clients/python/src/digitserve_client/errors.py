"""Everything that can go wrong, as one tree.

    DigitserveError
    ├── InvalidImage (also ValueError)      the image was refused before it was sent
    │   └── UnreadablePicture               a file or bytes that hold no legible picture
    ├── MissingExtra (also ImportError)     an optional part of this package is not installed
    ├── ClientClosed (also RuntimeError)    the client was used after close()
    └── CallError                           a call was made and failed
        ├── InvalidArgument                 the server refused the request
        ├── ModelNotFound                   no such model, or no such version
        ├── ModelFailed                     the model is there and not loaded, or could not be
        ├── TryLater                        it passes by itself, but did not within the call's time
        │   ├── Unavailable                 no server answers, or it is starting or stopping
        │   └── Overloaded                  the server's queue is full, or the token's rate used up
        ├── RequestTooLarge                 more bytes in one call than the server takes
        ├── DeadlineExceeded                no answer in time
        ├── TlsFailed                       client and server did not agree on TLS
        ├── AccessDenied                    the server or a proxy wants another token
        ├── Unsupported                     the server lacks this call: another server, or an old one
        └── ServerError                     the server failed in a way it did not expect

Catch a branch as coarsely as suits; the facts are attributes, the text is for people.
"""

from dataclasses import dataclass
from typing import Any


class DigitserveError(Exception):
    """Base of every error this package raises on purpose."""


class InvalidImage(DigitserveError, ValueError):
    """The image was refused before it was sent; the message says what came and what is wanted."""


class UnreadablePicture(InvalidImage):
    """A picture that cannot be decoded, is too large to decode, or shows no ink.

    `source` is the name of the file, or words such as "the picture in memory".
    """

    def __init__(self, source: str, problem: str) -> None:
        self.source = source
        self.problem = problem
        super().__init__(f"{source}: {problem}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles with its two arguments, so that it survives a process pool."""
        return type(self), (self.source, self.problem)


class MissingExtra(DigitserveError, ImportError):
    """An optional part of this package is not installed; `extra` is its name."""

    def __init__(self, extra: str, need: str) -> None:
        self.extra = extra
        self.need = need
        super().__init__(f"{need} needs more packages: pip install 'digitserve-client[{extra}]'")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles with its two arguments, so that it survives a process pool."""
        return type(self), (self.extra, self.need)


class ClientClosed(DigitserveError, RuntimeError):
    """The client was used after close(), or closed while a call was under way."""

    def __init__(self, message: str = "the client is closed: make a new one") -> None:
        super().__init__(message)


@dataclass(frozen=True)
class FieldViolation:
    """One field of a request that the server refused, such as `pixels`, and why."""

    field: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the wire told about a failed call.

    code: name of the gRPC status code, such as "NOT_FOUND".
    reason: the server's own name for the situation, such as "MODEL_NOT_FOUND"; "" when the server
        did not get to say anything.
    request_id: under which the server's log may have more; "" like `reason`.
    details: all `google.rpc` messages that came, decoded.
    """

    code: str
    reason: str = ""
    request_id: str = ""
    retry_after_s: float | None = None
    field_violations: tuple[FieldViolation, ...] = ()
    resource: str = ""
    details: tuple[Any, ...] = ()


class CallError(DigitserveError):
    """A call was made and failed. code, reason, request_id and details are explained at `Facts`."""

    def __init__(self, message: str, facts: Facts) -> None:
        super().__init__(message)
        self.facts = facts
        self.code = facts.code
        self.reason = facts.reason
        self.request_id = facts.request_id
        self.details = facts.details

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles with its two arguments, so that it survives a process pool."""
        return type(self), (str(self), self.facts)


class InvalidArgument(CallError):
    """The server refused the request; `field_violations` names each field and what is wrong with it."""

    @property
    def field_violations(self) -> tuple[FieldViolation, ...]:
        """The fields the server refused."""
        return self.facts.field_violations


class ModelNotFound(CallError):
    """The server has no such model or version; `resource` is what was asked for, such as "digits/7"."""

    @property
    def resource(self) -> str:
        """The model that was asked for."""
        return self.facts.resource


class ModelFailed(CallError):
    """The model is not loaded, or could not be; `resource` names it. The operator has to mend that."""

    @property
    def resource(self) -> str:
        """The model that is broken."""
        return self.facts.resource


class TryLater(CallError):
    """Base of the errors that pass by themselves: the client has tried again while it had time."""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which the server suggests to try again; None when it did not say."""
        return self.facts.retry_after_s


class Unavailable(TryLater):
    """No server answers at the target, or it is starting or stopping, or it dropped the call."""


class Overloaded(TryLater):
    """The server's queue is full, or the token's rate used up, and was until the time was over."""


class RequestTooLarge(CallError):
    """One call held more bytes than the server takes."""


class DeadlineExceeded(CallError):
    """No answer came within `timeout_s`."""


class TlsFailed(CallError):
    """No connection, for the server speaks no TLS, or its certificate is not to be trusted."""


class AccessDenied(CallError):
    """The server, or a proxy before it, wants a token, another one, or one that allows more."""


class Unsupported(CallError):
    """The server does not know this call: it is another server, or an older one."""


class ServerError(CallError):
    """The server failed unexpectedly; its log has the traceback under `request_id`."""
