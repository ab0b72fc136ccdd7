"""What a client is told of TLS and of its token."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from digitserve_client import AsyncDigitClient, DigitClient, Tls
from digitserve_client.commands import digitserve
from digitserve_client.config import ClientConfig

PEM = b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
SECRET = "dgs_secret"  # noqa: S105


def test_what_is_no_pem_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    for given in (file, str(file), b"no certificate"):
        with pytest.raises(ValueError, match="root_certificates is not in PEM"):
            Tls(root_certificates=given)
    with pytest.raises(FileNotFoundError):
        Tls(root_certificates=tmp_path / "gone.pem")


def test_pem_as_text_is_refused_and_not_told() -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n"
    with pytest.raises(ValueError, match=r"client_key is PEM as a str.* by \.encode\(\)$") as raised:
        Tls(client_certificate=PEM, client_key=key)
    assert SECRET not in str(raised.value)


def test_a_certificate_and_its_key_are_not_swapped() -> None:
    key = b"-----BEGIN EC PRIVATE KEY-----\n"
    with pytest.raises(ValueError, match=r"client_key is something else in PEM.*PRIVATE KEY"):
        Tls(client_certificate=PEM, client_key=PEM)
    for other in (key, b"-----BEGIN CERTIFICATE REQUEST-----\n"):
        with pytest.raises(ValueError, match=r"root_certificates is something else in PEM.*CERTIFICATE"):
            Tls(root_certificates=other)
    assert Tls(client_certificate=PEM, client_key=key).client_key == key


def test_half_of_a_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="go together"):
        Tls(client_certificate=PEM)


@pytest.mark.parametrize("client", [DigitClient, AsyncDigitClient])
@pytest.mark.parametrize("token", ["", "two words", f"{SECRET}\n", "schlüssel"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_told(
    client: type[DigitClient] | type[AsyncDigitClient], token: str
) -> None:
    with pytest.raises(ValueError, match="token is empty, or has characters") as raised:
        client(token=token)
    assert SECRET not in str(raised.value)


def test_no_secret_is_shown() -> None:
    tls = Tls(client_certificate=PEM, client_key=b"-----BEGIN PRIVATE KEY-----\nsecret\n")
    shown = repr(ClientConfig(token=SECRET, tls=tls)) + repr(DigitClient(token=SECRET))
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--ca", "gone.pem"), "No such file or directory: 'gone.pem'"),
        (("--client-key", "gone.pem"), "client_certificate and client_key go together"),
        (("--token-file", "gone"), "No such file or directory: 'gone'"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_usage_error(flags: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(digitserve, ("health", *flags))
    assert result.exit_code == 2
    assert message in result.stderr
