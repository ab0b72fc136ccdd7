"""Every setting of the web service, with its unit, default and range, in one place."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from digitserve_client.cpus import usable_cpus

INFINITY = float("inf")
LOG_LEVELS = ("debug", "info", "warning", "error")
MEGABYTE = 1_000_000


def setting(default: Any, help: str, *, low: float = -INFINITY, high: float = INFINITY) -> Any:  # noqa: A002
    """A field of Settings: its default, its text for --help, the range it may have."""
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a web service. Raises ValueError for a value out of range."""

    host: str = setting("127.0.0.1", "Address to listen on; 0.0.0.0 is every interface.")
    port: int = setting(8080, "Port to listen on; 0 takes a free one and prints it.", low=0, high=65535)
    target: str = setting("localhost:50051", "The digit server, as host:port.")
    tls: bool = setting(False, "Connect to the digit server over TLS.")
    root_certificates: Path | None = setting(
        None, "Authorities of the digit server's certificate, in PEM; implies TLS."
    )
    token_file: Path | None = setting(None, "File with the token that the digit server wants.")
    timeout_s: float = setting(
        5.0, "Seconds the digit server has for one answer, retries included.", low=0.01, high=3600
    )
    models: Path | None = setting(
        None, "Model repository to show cards and reports from: <name>/<version>/MODEL_CARD.md, report.html."
    )
    max_body_bytes: int = setting(20 * MEGABYTE, "Bytes in one request, at most.", low=1024, high=2**31 - 1)
    max_pictures: int = setting(64, "Pictures in one request, at most.", low=1, high=1024)
    max_pixels: int = setting(50 * MEGABYTE, "Pixels in one picture, at most.", low=784, high=2**31 - 1)
    max_uploads: int = setting(
        16, "Requests with pictures at once, at most; more are refused.", low=1, high=4096
    )
    upload_timeout_s: float = setting(
        30.0, "Seconds in which a request's body must arrive.", low=0.01, high=3600
    )
    threads: int = setting(
        0, "Threads that prepare pictures; 0 is one for each usable core.", low=0, high=1024
    )
    max_connections: int = setting(512, "Connections open at once, at most.", low=1, high=2**20)
    drain_timeout_s: float = setting(8.0, "Seconds that requests under way get to finish.", low=0, high=3600)
    log_level: str = setting("info", f"One of {', '.join(LOG_LEVELS)}.")

    def __post_init__(self) -> None:
        for f in fields(self):
            value, low, high = getattr(self, f.name), f.metadata["low"], f.metadata["high"]
            if isinstance(value, int | float) and not low <= value <= high:
                at_most = f" and at most {high}" if high < INFINITY else ""
                raise ValueError(f"{f.name} is {value}; at least {low}{at_most} is wanted")
        if self.log_level not in LOG_LEVELS:
            raise ValueError(f"log_level is {self.log_level!r}; one of {', '.join(LOG_LEVELS)} is wanted")
        if not self.target:
            raise ValueError("target is empty; host:port is wanted, such as 'localhost:50051'")

    @property
    def usable_threads(self) -> int:
        """Threads that prepare pictures."""
        return self.threads or usable_cpus()
