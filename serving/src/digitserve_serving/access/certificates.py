"""The certificates of a server, read again when their files change: new connections get the new ones."""

import ssl
from pathlib import Path

import grpc

from digitserve_serving.access.watched import BadFile, WatchedFiles
from digitserve_serving.settings import Settings


class Certificates:
    """A certificate with its key, and the authority of the clients' certificates where these are wanted."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        """Raises BadFile when one cannot be read, or they do not fit together."""
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        paths = [certificate, key, *([client_ca] if client_ca else [])]
        self._files = WatchedFiles(paths, self._read)
        self._used = self._files.content()

    def credentials(self) -> grpc.ServerCredentials:
        """For a port of grpcio, which asks for news with each connection."""
        wanted = self._client_ca is not None
        return grpc.dynamic_ssl_server_credentials(self._used, self._news, wanted)  # type: ignore[arg-type]  # None is no news

    def _news(self) -> grpc.ServerCertificateConfiguration | None:
        """What has changed since it was asked last; called by gRPC's own threads."""
        content = self._files.content()
        if content is self._used:
            return None
        self._used = content
        return content

    def _read(self) -> grpc.ServerCertificateConfiguration:
        certificate, key = _pem(self._certificate, "tls-certificate"), _pem(self._key, "tls-key")
        client_ca = _pem(self._client_ca, "tls-client-ca") if self._client_ca else None
        self._check()
        return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)

    def _check(self) -> None:
        """Half of a change, the key of another certificate, is not to be offered to anybody."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
            if self._client_ca:
                context.load_verify_locations(self._client_ca)
        except (OSError, ValueError) as error:  # ssl's errors are OSErrors
            files = f"--tls-certificate {self._certificate}, --tls-key {self._key}"
            if self._client_ca:
                files += f", --tls-client-ca {self._client_ca}"
            raise BadFile(
                f"{files}: a certificate chain and its key, unencrypted, both in PEM, are wanted ({error})"
            ) from error


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the settings say of TLS; None is plaintext. Raises BadFile."""
    if not settings.tls_certificate or not settings.tls_key:
        return None
    return Certificates(settings.tls_certificate, settings.tls_key, settings.tls_client_ca).credentials()


def _pem(path: Path, flag: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"--{flag} {path}: {error.strerror or error}") from error


def _no_password() -> str:
    raise ValueError("the key is encrypted")
