"""Every setting of the server, with its unit, default and range, in one place."""

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from digitserve_serving.versions import is_policy

INFINITY = float("inf")
NO_PORT = -1
PLAINTEXT_ONLY = "native"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "json", "console")
TRANSPORTS = ("grpcio", "native")
SHADOWING = re.compile(r"([a-z][a-z0-9-]*)/([1-9][0-9]*|[a-z][a-z0-9-]*)=([0-9.]+)")


class Shadowing(NamedTuple):
    """Which version, by number or label, is asked beside the one that answers, for what share (0 to 1)."""

    name: str
    version: str
    share: float


def setting(default: Any, help: str, *, low: float = -INFINITY, high: float = INFINITY) -> Any:  # noqa: A002
    """A field of Settings: its default, its text for --help, the range it may have."""
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a server. Raises ValueError for a value out of range."""

    host: str = setting("127.0.0.1", "Address to listen on; 0.0.0.0 is every interface.")
    port: int = setting(50051, "Port to listen on; 0 takes a free one and prints it.", low=0, high=65535)
    transport: str = setting(
        "grpcio",
        "What carries the calls: grpcio, or native: faster, plaintext only, needs the extra [native].",
    )
    models: Path = setting(Path("models"), "Model repository: a folder of <name>/<version>/model.onnx.")
    default_model: str = setting("digits", "Model that answers requests which name none.")
    versions: str = setting(
        "latest",
        "Versions of each model to load: latest (the newest that can be loaded), all, or such as 1,3.",
    )
    repository_poll_s: float = setting(
        1.0,
        "Seconds between two looks for changes in the repository; 0 never looks again.",
        low=0,
        high=86400,
    )
    shadow: str = setting(
        "", "NAME/VERSION=SHARE: asks this version too, for a share (0 to 1) of the images, to compare."
    )
    max_batch_rows: int = setting(64, "Images in one run of the model, at most.", low=1, high=65536)
    max_queue_delay_ms: float = setting(
        1.0, "Milliseconds to gather images, at most, while a thread could compute.", low=0, high=1000
    )
    max_queue_rows: int = setting(16384, "Images waiting, at most; more are refused.", low=1, high=2**31 - 1)
    max_queue_wait_ms: float = setting(
        250.0,
        "Milliseconds that a call of few images may wait, as expected; else refused.",
        low=1,
        high=1e9,
    )
    max_rows_per_call: int = setting(4096, "Images in one call, at most.", low=1, high=2**21)
    max_message_bytes: int = setting(4194304, "Bytes in one request, at most.", low=1024, high=2**31 - 1)
    workers: int = setting(
        0, "Processes that share the port; 0 is as many as suit the usable cores.", low=0, high=1024
    )
    intra_op_threads: int = setting(
        0, "Threads that compute, in each process; 0 is its share of the usable cores.", low=0, high=1024
    )
    shutdown_delay_s: float = setting(
        0.5, "Seconds to go on serving after SIGTERM, so that balancers notice.", low=0, high=3600
    )
    drain_timeout_s: float = setting(8.0, "Seconds that calls under way get to finish.", low=0, high=3600)
    max_streams: int = setting(
        32, "Streams open at once, at most; more are refused: each holds images.", low=1, high=65536
    )
    tls_certificate: Path | None = setting(
        None, "Certificate chain in PEM: with a key, TLS in place of plaintext; read again when it changes."
    )
    tls_key: Path | None = setting(None, "Key of that certificate, in PEM, without a password.")
    tls_client_ca: Path | None = setting(
        None, "Authorities in PEM: only clients with a certificate of theirs may connect (mutual TLS)."
    )
    tokens_file: Path | None = setting(
        None, "TOML file of tokens, which callers then need; read again when it changes."
    )
    admin: bool = setting(False, "Take calls that load and unload models, with a token of scope admin.")
    max_connections: int = setting(4096, "Connections open at once, at most.", low=1, high=2**31 - 1)
    max_connections_per_peer: int = setting(
        1024,
        "Connections open at once from one address, or one /64 of IPv6, at most; the newest are ended.",
        low=1,
        high=2**31 - 1,
    )
    max_calls_per_connection: int = setting(
        1024, "Calls under way on one connection, at most; others wait at the client.", low=1, high=2**31 - 1
    )
    max_connection_idle_s: float = setting(
        600.0, "Seconds without a call after which a connection is closed, over grpcio.", low=1, high=86400
    )
    max_stream_idle_s: float = setting(
        300.0, "Seconds without a request after which a stream is ended.", low=0.001, high=86400
    )
    metrics_port: int = setting(
        NO_PORT,
        "Port of the metrics for Prometheus; -1 has none, 0 takes a free one and logs it.",
        low=NO_PORT,
        high=65535,
    )
    metrics_host: str = setting("127.0.0.1", "Address of that port; 0.0.0.0 is every interface.")
    log_level: str = setting("info", f"One of {', '.join(LOG_LEVELS)}; at debug, a line for each call.")
    log_format: str = setting(
        "auto", "json is a JSON object in each line, console is for people; auto: console on a terminal."
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            value, low, high = getattr(self, f.name), f.metadata["low"], f.metadata["high"]
            if isinstance(value, int | float) and not low <= value <= high:
                at_most = f" and at most {high}" if high < INFINITY else ""
                raise ValueError(f"{f.name} is {value}; at least {low}{at_most} is wanted")
        self._check_choice("log_level", LOG_LEVELS)
        self._check_choice("log_format", LOG_FORMATS)
        self._check_choice("transport", TRANSPORTS)
        if not is_policy(self.versions):
            raise ValueError(
                f"versions is {self.versions!r}; latest, all, or versions such as 1,3 are wanted"
            )
        if self.shadow and not self.shadowing:
            raise ValueError(
                f"shadow is {self.shadow!r}; NAME/VERSION=SHARE is wanted, with a share above 0 and up to 1,"
                " such as digits/3=0.1"
            )
        if "/" in self.host or self.host.startswith("unix:"):
            raise ValueError(
                f"host is {self.host!r}; a name or an IP address is wanted: no socket in a folder"
            )
        self._check_access()
        if self.max_rows_per_call > self.max_queue_rows:
            raise ValueError(
                f"max_rows_per_call ({self.max_rows_per_call}) is more than"
                f" max_queue_rows ({self.max_queue_rows}): such a call could never be queued"
            )

    @property
    def shadowing(self) -> Shadowing | None:
        """What `shadow` says; None when it says nothing."""
        found = SHADOWING.fullmatch(self.shadow)
        try:
            share = float(found[3]) if found else 0.0
        except ValueError:
            return None
        return Shadowing(found[1], found[2], share) if found and 0 < share <= 1 else None

    def _check_access(self) -> None:
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key go together, and only one of them is there")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError("tls_client_ca wants tls_certificate and tls_key as well")
        if self.tls_certificate and self.transport == PLAINTEXT_ONLY:
            raise ValueError(
                f"transport {PLAINTEXT_ONLY} speaks plaintext only: take grpcio, or a proxy that ends TLS"
            )
        if self.admin and not self.tokens_file:
            raise ValueError("admin wants a tokens_file: without tokens, anybody could call")

    def _check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        if getattr(self, name) not in choices:
            raise ValueError(f"{name} is {getattr(self, name)!r}; one of {', '.join(choices)} is wanted")

    def flags(self) -> list[str]:
        """What gives a command these settings, every one that is not empty."""
        values = {f.name.replace("_", "-"): getattr(self, f.name) for f in fields(self)}
        return [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in values.items()
            if value is not None and value is not False
        ]
