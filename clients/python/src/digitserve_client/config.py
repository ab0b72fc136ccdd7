"""What a client is told when it is made."""

from dataclasses import dataclass, field

import grpc

from digitserve_client.credentials import Tls, bearer
from digitserve_client.retry import RetryPolicy

DEFAULT_TARGET = "localhost:50051"
DEFAULT_TIMEOUT_S = 5.0
MAX_TIMEOUT_S = 1e9  # gRPC counts nanoseconds since 1970 in 64 bits: of ten times as many none would be left
DEFAULT_RETRY = RetryPolicy()

CALL_ROWS = 1024  # images in one call of classify_batch: many enough for the model, few enough to overlap
STREAM_ROWS = 512  # images in one call of classify_stream, where the first answers should not wait for long
MAX_CALL_ROWS = 4096  # the server's default limit
IN_FLIGHT = 4  # calls under way at once: the server computes one while the others travel
MAX_IN_FLIGHT = 64


def model_and_version(text: str) -> tuple[str | None, str | None]:
    """What NAME or NAME/VERSION means; None for what it leaves to the server."""
    name, _, version = text.partition("/")
    return name or None, version or None


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """How images of a stream are gathered and sent. Raises ValueError for a value out of range."""

    probabilities: bool
    batch_rows: int
    in_flight: int
    timeout_s: float

    def __post_init__(self) -> None:
        if not 1 <= self.batch_rows <= MAX_CALL_ROWS:
            raise ValueError(f"batch_rows is {self.batch_rows}; 1 to {MAX_CALL_ROWS} is wanted")
        if not 1 <= self.in_flight <= MAX_IN_FLIGHT:
            raise ValueError(f"in_flight is {self.in_flight}; 1 to {MAX_IN_FLIGHT} is wanted")


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """The settings of a client, described at `DigitClient`. Raises ValueError for a value out of range."""

    target: str = DEFAULT_TARGET
    timeout_s: float = DEFAULT_TIMEOUT_S
    retry: RetryPolicy = DEFAULT_RETRY
    model: str | None = None
    version: str | int | None = None
    tls: bool | Tls = False
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.target or not isinstance(self.target, str):
            raise ValueError(f"target is {self.target!r}; host:port is wanted, such as {DEFAULT_TARGET!r}")
        if self.tls and not isinstance(self.tls, bool | Tls):
            raise ValueError(f"tls is {self.tls!r}; True is wanted, or Tls(root_certificates='ca.pem')")
        self.call_timeout_s(self.timeout_s)
        self.metadata()

    def credentials(self) -> grpc.ChannelCredentials | None:
        """For a channel over TLS; None is plaintext."""
        tls = Tls() if self.tls is True else self.tls
        return tls.credentials() if tls else None

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call."""
        return () if self.token is None else bearer(self.token)

    def call_timeout_s(self, timeout_s: float | None) -> float:
        """The seconds one call has: its own, or the client's."""
        seconds = self.timeout_s if timeout_s is None else timeout_s
        if not 0 < seconds <= MAX_TIMEOUT_S:
            raise ValueError(f"timeout_s is {seconds}; more than 0 and at most {MAX_TIMEOUT_S:.0f} is wanted")
        return seconds

    def stream(
        self,
        probabilities: bool,
        batch_rows: int,
        in_flight: int,
        timeout_s: float | None,
    ) -> StreamConfig:
        """The settings of one stream of this client."""
        return StreamConfig(
            probabilities=probabilities,
            batch_rows=batch_rows,
            in_flight=in_flight,
            timeout_s=self.call_timeout_s(timeout_s),
        )
