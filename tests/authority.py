"""Real certificates, made for the occasion."""

from pathlib import Path
from typing import NamedTuple

import trustme
from digitserve_client import Tls


class Files(NamedTuple):
    """A certificate chain and its key, in PEM."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates, and writes what it signs into a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._ca = trustme.CA()
        self._folder = folder
        self.ca = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca)

    def issue(self, name: str, identity: str = "127.0.0.1") -> Files:
        """A new certificate for a host, in files called after `name`, which are replaced."""
        issued = self._ca.issue_cert(identity, common_name=identity)
        files = Files(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        replace(files.key, issued.private_key_pem.bytes())
        replace(files.certificate, b"".join(each.bytes() for each in issued.cert_chain_pems))
        return files

    @property
    def server(self) -> Files:
        """The server's, for 127.0.0.1 unless it was issued for another."""
        files = Files(self._folder / "server.pem", self._folder / "server.key")
        return files if files.certificate.exists() else self.issue("server")

    @property
    def flags(self) -> tuple[str, ...]:
        """Those of a server with its certificate."""
        return ("--tls-certificate", str(self.server.certificate), "--tls-key", str(self.server.key))

    def tls(self, client: Files | None = None) -> Tls:
        """For a client that trusts this authority, and has a certificate."""
        certificate, key = client or (None, None)
        return Tls(root_certificates=self.ca, client_certificate=certificate, client_key=key)


def replace(path: Path, content: bytes) -> None:
    """Writes a file as one should that others read: whole, under another name, then renamed."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
