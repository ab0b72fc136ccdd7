"""What can go wrong for a caller. No gRPC in here: `status` turns each of these into an answer."""

MAX_ECHOED, MAX_REASON = 128, 500  # characters
RETRY_AFTER_S = (0.01, 1.0)  # bounds of what a caller is told whom a full queue refused


class ServingError(Exception):
    """Base of all errors that a caller may be told about; str() of one is safe to send."""


def _within_bounds(retry_after_s: float) -> float:
    lowest, highest = RETRY_AFTER_S
    return min(max(retry_after_s, lowest), highest)


class InvalidRequest(ServingError):
    """The request is not what the field's description asks for."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}")


class MessageTooLarge(ServingError):
    """The request is larger than the server accepts; grpcio refuses it by itself, in the same words."""

    def __init__(self, size_bytes: int, max_bytes: int) -> None:
        super().__init__(f"SERVER: Received message larger than max ({size_bytes} vs. {max_bytes})")


class ModelNotFound(ServingError):
    """No such model, or no such version of it."""

    def __init__(self, name: str, version: str, known: str) -> None:
        # Cut, because gRPC drops a status whose details are longer than a few kilobytes.
        name, version = name[:MAX_ECHOED], version[:MAX_ECHOED]
        known = f"{known[:MAX_REASON]}..." if len(known) > MAX_REASON else known
        self.resource = f"{name}/{version}" if version else name
        super().__init__(f"there is no model {self.resource!r}; this server has {known}")


class ModelFailed(ServingError):
    """The model is there but could not be loaded."""

    def __init__(self, name: str, version: str, reason: str) -> None:
        self.resource = f"{name}/{version}"
        self.reason = reason[:MAX_REASON]
        super().__init__(f"model {self.resource!r} could not be loaded: {self.reason}")


class ModelNotLoaded(ServingError):
    """The model is there and not loaded."""

    def __init__(self, name: str, version: str, reason: str) -> None:
        """`reason` is "" where nothing else is to be said."""
        self.resource = f"{name}/{version}"
        self.reason = reason or "it is not loaded"
        why = reason or "the server's --versions says which are, and `digitserve models load` loads more"
        super().__init__(f"model {self.resource!r} is not loaded: {why}")


class ModelNotServed(ServingError):
    """Both of these as callers of the Open Inference Protocol are told, where they have another code."""

    def __init__(self, failed: ModelFailed | ModelNotLoaded) -> None:
        self.resource = failed.resource
        self.reason = failed.reason
        super().__init__(str(failed))


class ControlRefused(ServingError):
    """What an administrator wants of a model cannot be done as things are."""

    def __init__(self, resource: str, reason: str) -> None:
        self.resource = resource
        self.reason = reason[:MAX_REASON]
        super().__init__(f"model {resource!r}: {self.reason}")


class ModelControlOff(ServingError):
    """Callers of this server cannot change what is served."""

    def __init__(self) -> None:
        super().__init__("admin calls are switched off; start the server with --admin")


class Unauthenticated(ServingError):
    """Callers need a token, and this one has sent none, or one that is not known."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__(
            "the token is not known to this server: is it the right one, of the right server?"
            if sent
            else "a token is wanted, as metadata 'authorization: Bearer TOKEN'"
        )


class MissingScope(ServingError):
    """The token is known, and does not allow this."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"the token lacks the scope {wanted!r}, which this call wants")


class TryLater(ServingError):
    """Base of the errors that pass by themselves."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class ModelLoading(TryLater):
    """The model is being loaded."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"model '{name}/{version}' is still being loaded", retry_after_s=0.2)


class Draining(TryLater):
    """The server is shutting down."""

    def __init__(self) -> None:
        super().__init__("the server is shutting down", retry_after_s=0.5)


class QueueFull(TryLater):
    """More rows are waiting than the server accepts."""

    def __init__(self, rows: int, queued_rows: int, max_queue_rows: int, retry_after_s: float) -> None:
        message = f"{queued_rows} of at most {max_queue_rows} rows are waiting, {rows} more do not fit"
        super().__init__(message, _within_bounds(retry_after_s))


class QueueSlow(TryLater):
    """What is waiting already takes longer than a call is made to wait."""

    def __init__(self, wait_s: float, max_wait_s: float) -> None:
        message = f"a call would wait {wait_s * 1000:.0f} ms, more than {max_wait_s * 1000:.0f}"
        super().__init__(message, _within_bounds(wait_s))


class OutOfMemory(TryLater):
    """There was no memory to answer this call; there is when others have been answered."""

    def __init__(self) -> None:
        super().__init__("the server has no memory left for this call", retry_after_s=1.0)


class RateExceeded(TryLater):
    """The token has used what it may in a second."""

    def __init__(self, unit: str, per_s: float, wait_s: float) -> None:
        message = f"the token's rate is {per_s:g} {unit} per second, and is used up"
        super().__init__(message, max(wait_s, RETRY_AFTER_S[0]))


class TooManyStreams(TryLater):
    """More streams are open than the server accepts."""

    def __init__(self, max_streams: int) -> None:
        super().__init__(f"{max_streams} streams are open, and no more are taken", retry_after_s=1.0)


class StreamIdle(ServingError):
    """A stream without requests, in whose place others could be answered."""

    def __init__(self, idle_s: float) -> None:
        super().__init__(f"the stream had no request for {idle_s:g} s, which is the limit")


class DeadlineExpired(ServingError):
    """The caller's deadline passed while the call was waiting."""

    def __init__(self) -> None:
        super().__init__("the deadline passed while the call was waiting for its batch")
