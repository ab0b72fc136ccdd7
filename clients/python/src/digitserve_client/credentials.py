"""How a client knows the server, and the server the client."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import grpc

Pem = str | os.PathLike[str] | bytes
"""A file, or what it holds: certificates or a key in PEM."""

BEGIN = "-----BEGIN "
CERTIFICATE, KEY = "CERTIFICATE-----", "PRIVATE KEY-----"  # how the first lines of their files end


@dataclass(frozen=True, kw_only=True)
class Tls:
    """What a connection over TLS is made with.

    root_certificates: the authorities that sign servers' certificates; None is those that gRPC brings.
    client_certificate, client_key: who this client is, where the server wants to know (mutual TLS).

    Raises ValueError for what is no PEM, or half of a pair, and OSError for a file that cannot be opened.
    """

    root_certificates: Pem | None = None
    client_certificate: Pem | None = None
    client_key: Pem | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key go together, and only one of them is there")
        self.credentials()

    def credentials(self) -> grpc.ChannelCredentials:
        """For a channel of grpcio."""
        return grpc.ssl_channel_credentials(
            root_certificates=_pem("root_certificates", self.root_certificates, CERTIFICATE),
            private_key=_pem("client_key", self.client_key, KEY),
            certificate_chain=_pem("client_certificate", self.client_certificate, CERTIFICATE),
        )


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata that shows a token. Raises ValueError, which does not tell it."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("token is empty, or has characters that no token has: no space, letters and digits")
    return (("authorization", f"Bearer {token}"),)


def _pem(name: str, given: Pem | None, kind: str) -> bytes | None:
    """What the file holds, or the bytes; an error tells nothing of either, for it may be a secret."""
    if given is None:
        return None
    if isinstance(given, str) and BEGIN in given:
        raise ValueError(f"{name} is PEM as a str, which is taken for a path: give its bytes, by .encode()")
    content = given if isinstance(given, bytes) else Path(given).read_bytes()
    if BEGIN.encode() not in content:
        raise ValueError(f"{name} is not in PEM: there is no line '{BEGIN}...' in it")
    if kind.encode() not in content:
        raise ValueError(f"{name} is something else in PEM: there is no line '{BEGIN}{kind}' in it")
    return content
