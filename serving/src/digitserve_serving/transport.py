"""What carries the calls: the seam between the server's life and gRPC's implementations."""

from typing import Protocol

# A peer that has gone without a word is noticed within so long, when it has nothing to say.
KEEPALIVE_TIME_MS, KEEPALIVE_TIMEOUT_MS = 60_000, 20_000


class TransportError(Exception):
    """The transport cannot be started; str() says why, and what to do."""


class Transport(Protocol):
    """Has taken its address when it is made, and answers calls when it is started."""

    @property
    def port(self) -> int:
        """The port it listens on."""

    async def start(self) -> None:
        """Answers calls from now on."""

    async def stop(self, grace_s: float | None) -> None:
        """Takes no more calls, and gives those under way `grace_s` seconds to finish. May be repeated."""


def address_of(host: str, port: int) -> str:
    """host:port, with the brackets that an IPv6 address needs there."""
    return f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"


def address_taken(address: str) -> TransportError:
    """An address that cannot be listened on."""
    return TransportError(f"cannot listen on {address}: is it taken, or not an address of this machine?")
