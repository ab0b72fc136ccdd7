"""A channel to the server that this runs beside: what a health check of a container needs."""

import socket
import ssl
from collections.abc import Mapping
from typing import Any

import grpc

# Whoever checks is beside the server: a proxy that the environment names is not in between.
OPTIONS = (("grpc.enable_http_proxy", 0),)


def own_channel(target: str, environment: Mapping[str, str], timeout_s: float) -> grpc.Channel:
    """Plaintext, or TLS as the server's own DIGITSERVE_TLS_* variables say. Raises OSError.

    The server's certificate is trusted as it is, whatever names it has, and shown as this client's own too:
    that does where one authority signs for servers and clients.
    """
    certificate = environment.get("DIGITSERVE_TLS_CERTIFICATE")
    if not certificate:
        return grpc.insecure_channel(target, options=OPTIONS)
    with open(certificate, "rb") as chain, open(environment["DIGITSERVE_TLS_KEY"], "rb") as key:  # noqa: PTH123
        pem = chain.read()
        credentials = grpc.ssl_channel_credentials(pem, key.read(), pem)
    name = _name(target, certificate, timeout_s)
    return grpc.secure_channel(target, credentials, (*OPTIONS, ("grpc.ssl_target_name_override", name)))


def _name(target: str, certificate: str, timeout_s: float) -> str:
    """A name that the server's certificate is for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it is no authority's
    context.load_verify_locations(certificate)
    host, _, port = target.rpartition(":")
    with (
        socket.create_connection((host.strip("[]"), int(port)), timeout_s) as connection,
        context.wrap_socket(connection) as secured,
    ):
        found: Any = secured.getpeercert()
    named = [name for kind, name in found.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    # gRPC goes by the common name where a certificate has no other.
    common = [name for part in found["subject"] for kind, name in part if kind == "commonName"]
    return str([*named, *common, host][0]).replace("*", "any")
