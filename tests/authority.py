"""Real certificates, made for the occasion."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
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

    def self_signed(self, name: str, *alternative_names: x509.GeneralName) -> Files:
        """A certificate that nobody else has signed, of the common name localhost."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        common_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        made = x509.CertificateBuilder(
            common_name, common_name, key.public_key(), x509.random_serial_number()
        )
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        if alternative_names:
            made = made.add_extension(x509.SubjectAlternativeName(alternative_names), critical=False)
        files = Files(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        replace(files.certificate, made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        replace(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
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
