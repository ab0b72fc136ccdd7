"""TLS as clients of all kinds meet it."""

import asyncio
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from authority import Authority, replace
from click.testing import CliRunner
from cryptography import x509
from digitserve_client import (
    AsyncDigitClient,
    CallError,
    DigitClient,
    Tls,
    TlsFailed,
    Unavailable,
)
from digitserve_client.commands import digitserve
from digitserve_serving.health import check
from integration.access.conftest import Tokens
from server_process import ServerProcess, run_server
from tiny_model import image_of

FOREVER_S = 3600.0  # who tries again and again does not end within a test


def tls_server(repository: Path, authority: Authority, *flags: str) -> ServerProcess:
    """Its clients wait by themselves until it serves."""
    return ServerProcess(repository, *authority.flags, *flags, until_serving=False)


def serial(port: int, authority: Authority) -> str:
    """The serial number of the certificate that a new connection gets, which must be a good one."""
    context = ssl.create_default_context(cafile=authority.ca)
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as secured,
    ):
        certificate = secured.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])


def failure(target: str, tls: bool | Tls = False, timeout_s: float = FOREVER_S) -> CallError:
    """What a call raises that must fail; both clients raise the same."""

    async def with_asyncio() -> None:
        async with AsyncDigitClient(target, tls=tls, timeout_s=timeout_s) as client:
            await client.classify(image_of(1))

    with pytest.raises(CallError) as first, DigitClient(target, tls=tls, timeout_s=timeout_s) as client:
        client.classify(image_of(1))
    with pytest.raises(CallError) as second:
        asyncio.run(with_asyncio())
    assert (type(first.value), str(first.value)) == (type(second.value), str(second.value))
    return first.value


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_new_certificate_is_served_without_restart(
    repository: Path, authority: Authority, workers: str
) -> None:
    tls = authority.tls()
    with (
        tls_server(repository, authority, "--workers", workers) as server,
        DigitClient(server.target, tls=tls, timeout_s=20) as client,
    ):
        assert client.classify(image_of(3)).digit == 3
        before = {serial(server.port, authority) for _ in range(8)}
        authority.issue("server")
        after = {serial(server.port, authority) for _ in range(8)}  # both workers get some of them
        assert client.classify(image_of(4)).digit == 4  # over the connection that it has
    assert len(before) == len(after) == 1
    assert before != after


def test_certificates_change_under_load_and_no_call_fails(repository: Path, authority: Authority) -> None:
    stop, answers, errors = threading.Event(), list[int](), list[Exception]()

    def keep_calling() -> None:
        while not stop.is_set():
            with DigitClient(server.target, tls=authority.tls(), timeout_s=20) as client:
                try:
                    answers.extend(client.classify(image_of(6)).digit for _ in range(5))
                except CallError as error:
                    errors.append(error)

    with tls_server(repository, authority) as server:
        callers = [threading.Thread(target=keep_calling) for _ in range(4)]
        for caller in callers:
            caller.start()
        serials = set()
        for _ in range(10):
            authority.issue("server")
            serials.add(serial(server.port, authority))
        stop.set()
        for caller in callers:
            caller.join()
    assert len(serials) == 10
    assert not errors
    assert set(answers) == {6}


def test_half_a_change_is_not_served(repository: Path, authority: Authority) -> None:
    with tls_server(repository, authority) as server:
        before = serial(server.port, authority)
        old = authority.server.certificate.read_bytes()
        authority.issue("server")
        new = authority.server.certificate.read_bytes()
        replace(authority.server.certificate, old)  # with the key of the new one
        assert serial(server.port, authority) == before
        server.logged("what was read before stays in force")
        replace(authority.server.certificate, new)
        assert serial(server.port, authority) != before


def test_mutual_tls_takes_only_clients_that_its_authority_has_signed(
    repository: Path, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger").issue("client", "app")
    with tls_server(repository, authority, "--tls-client-ca", str(authority.ca)) as server:
        tls = authority.tls(authority.issue("client", "app"))
        with DigitClient(server.target, tls=tls, timeout_s=20) as client:
            assert client.classify(image_of(3)).digit == 3
        for refused in (authority.tls(), authority.tls(stranger)):
            error = failure(server.target, refused, timeout_s=3)
            assert type(error) is Unavailable
            assert "hangs up: does it want a client certificate" in str(error)


def test_plaintext_against_tls_says_so(repository: Path, authority: Authority) -> None:
    with tls_server(repository, authority) as server:
        error = failure(server.target, timeout_s=3)
        with DigitClient(server.target, timeout_s=FOREVER_S) as client, pytest.raises(Unavailable) as asked:
            client.health()
        with_two_addresses = failure(f"localhost:{server.port}", timeout_s=3)  # nobody listens on [::1]
    assert str(error) == str(asked.value)
    assert f"the server at {server.target} hangs up: does it want TLS (`tls`, --tls)?" in str(error)
    assert "hangs up: does it want TLS" in str(with_two_addresses)


def test_tls_against_plaintext_says_so_at_once(
    repository: Path, transport: str, authority: Authority
) -> None:
    with ServerProcess(repository, "--transport", transport) as server:
        error = failure(server.target, authority.tls())
    assert type(error) is TlsFailed
    assert str(error) == (
        f"the server at {server.target} answers in plaintext, and TLS was asked for: leave `tls` (--tls) out"
    )


def test_a_certificate_that_is_not_to_be_trusted_is_refused_at_once(
    repository: Path, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    with tls_server(repository, authority) as server:
        for tls in (True, other.tls()):
            error = failure(server.target, tls)
            assert type(error) is TlsFailed
            assert "is not trusted (unable to get local issuer certificate)" in str(error)
        authority.issue("server", "elsewhere.example")
        assert "is for other names" in str(failure(server.target, authority.tls()))


@pytest.mark.parametrize("mutual", [False, True])
def test_the_health_check_of_a_container_goes_over_tls(
    repository: Path, authority: Authority, mutual: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority.issue("server", "*.digits.example")
    flags = ("--tls-client-ca", str(authority.ca)) if mutual else ()
    with tls_server(repository, authority, *flags) as server:
        server.logged("serving")
        without = check(server.target, timeout_s=20)
        monkeypatch.setenv("DIGITSERVE_TLS_CERTIFICATE", str(certificate))
        monkeypatch.setenv("DIGITSERVE_TLS_KEY", str(key))
        with_tls = check(server.target, timeout_s=20)
    assert (without, with_tls) == ("UNREACHABLE", "SERVING")


@pytest.mark.parametrize(
    "names", [(), (x509.UniformResourceIdentifier("spiffe://cluster/digits"), x509.DNSName("localhost"))]
)
def test_the_health_check_finds_a_name_of_the_certificate(
    repository: Path, authority: Authority, names: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = authority.self_signed("server", *names)
    with tls_server(repository, authority) as server:
        server.logged("serving")
        monkeypatch.setenv("DIGITSERVE_TLS_CERTIFICATE", str(certificate))
        monkeypatch.setenv("DIGITSERVE_TLS_KEY", str(key))
        assert check(server.target, timeout_s=20) == "SERVING"


def test_the_command_connects_over_tls_with_a_token(
    repository: Path, authority: Authority, tokens: Tokens, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(tokens.secrets["app"] + "\n")
    with tls_server(repository, authority, "--tokens-file", str(tokens.path)) as server:
        command = ("models", "--target", server.target, "--ca", str(authority.ca))
        with_file = CliRunner().invoke(digitserve, (*command, "--token-file", str(file)))
        with_variable = CliRunner().invoke(
            digitserve, command, env={"DIGITSERVE_TOKEN": file.read_text().strip()}
        )
        without = CliRunner().invoke(digitserve, command)
    assert (with_file.exit_code, with_variable.exit_code, without.exit_code) == (0, 0, 3)
    assert "digits" in with_file.stdout
    assert "a token is wanted" in without.stderr


def encrypted(authority: Authority) -> None:
    key = authority.server.key
    key.write_text(key.read_text().replace("RSA ", "").replace("PRIVATE", "ENCRYPTED PRIVATE"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda authority: authority.server.key.unlink(), "server.key: No such file or directory"),
        (lambda authority: authority.server.certificate.write_text("?"), "both in PEM, are wanted"),
        (lambda authority: authority.server.key.write_bytes(authority.issue("x").key.read_bytes()), "wanted"),
        (encrypted, "unencrypted, both in PEM, are wanted"),
    ],
    ids=["no key", "no certificate", "another key", "an encrypted key"],
)
def test_files_that_cannot_be_used_are_one_clear_line(
    repository: Path, authority: Authority, damage: object, message: str
) -> None:
    assert callable(damage)
    flags = authority.flags
    damage(authority)
    result = run_server("--models", str(repository), "--port", "0", *flags)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: --tls-")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
