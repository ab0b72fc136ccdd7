from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from digitserve_serving import cli
from digitserve_serving.settings import Settings

CERTIFICATE = {"tls_certificate": Path("certificate.pem"), "tls_key": Path("key.pem")}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"port": 70000}, "port is 70000; at least 0 and at most 65535 is wanted"),
        ({"max_batch_rows": 0}, "max_batch_rows is 0; at least 1"),
        ({"drain_timeout_s": -1.0}, "drain_timeout_s is -1.0; at least 0"),
        ({"log_level": "loud"}, "log_level is 'loud'; one of debug, info, warning, error is wanted"),
        ({"workers": -1}, "workers is -1; at least 0"),
        ({"metrics_port": -2}, "metrics_port is -2; at least -1 and at most 65535"),
        ({"log_format": "xml"}, "log_format is 'xml'; one of auto, json, console is wanted"),
        ({"host": "unix:/run/digits"}, "host is 'unix:/run/digits'; a name or an IP address is wanted"),
        ({"transport": "tls"}, "transport is 'tls'; one of grpcio, native is wanted"),
        ({"versions": "newest"}, "versions is 'newest'; latest, all, or versions such as 1,3 are wanted"),
        ({"versions": "1,"}, "versions is '1,'; latest, all"),
        ({"shadow": "digits/2"}, "shadow is 'digits/2'; NAME/VERSION=SHARE is wanted"),
        ({"shadow": "digits/2=1.5"}, "with a share above 0 and up to 1"),
        ({"shadow": "digits/2=1.5.0"}, "with a share above 0 and up to 1"),
        ({"repository_poll_s": -1.0}, "repository_poll_s is -1.0; at least 0"),
        ({"tls_key": Path("a")}, "tls_certificate and tls_key go together"),
        ({"tls_client_ca": Path("a")}, "tls_client_ca wants tls_certificate and tls_key"),
        ({"transport": "native", **CERTIFICATE}, "transport native speaks plaintext only: take grpcio"),
        ({"admin": True}, "admin wants a tokens_file"),
        ({"max_queue_rows": 10}, r"max_rows_per_call \(4096\) is more than max_queue_rows \(10\)"),
    ],
)
def test_a_value_out_of_range_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**values)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings the command would have started a server with."""
    started: list[Settings] = []
    monkeypatch.setattr(cli, "_run", started.append)
    return started


def run(*flags: str, **variables: str) -> Result:
    return CliRunner().invoke(cli.main, flags, env=variables)


def test_flags_come_before_variables_and_variables_before_defaults(started: list[Settings]) -> None:
    result = run("--port", "7", DIGITSERVE_PORT="8", DIGITSERVE_MAX_BATCH_ROWS="64")
    assert result.exit_code == 0, result.output
    assert started == [Settings(port=7, max_batch_rows=64)]


def test_flags_give_the_settings_again(started: list[Settings]) -> None:
    """A supervisor tells its workers all of them."""
    settings = Settings(tokens_file=Path("tokens.toml"), admin=True, **CERTIFICATE)  # type: ignore[arg-type]
    for each in (settings, Settings()):
        assert run(*each.flags()).exit_code == 0
        assert started.pop() == each


def test_a_wrong_flag_is_one_clear_line(started: list[Settings]) -> None:
    result = run("--port", "many")
    assert result.exit_code == 2
    assert "'many' is not a valid integer" in result.output
    assert not started


def test_a_value_out_of_range_is_a_usage_error(started: list[Settings]) -> None:
    result = run(DIGITSERVE_PORT="70000")
    assert result.exit_code == 2
    assert "port is 70000" in result.output
    assert not started


def test_help_shows_every_setting_with_variable_and_default() -> None:
    text = " ".join(run("--help").output.split())
    for flag, variable, default in [
        ("--port", "DIGITSERVE_PORT", "50051"),
        ("--max-queue-rows", "DIGITSERVE_MAX_QUEUE_ROWS", "16384"),
        ("--drain-timeout-s", "DIGITSERVE_DRAIN_TIMEOUT_S", "8.0"),
    ]:
        assert flag in text
        assert f"[env var: {variable}; default: {default}]" in text
    assert "Seconds" in text
