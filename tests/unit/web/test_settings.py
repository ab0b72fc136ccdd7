"""Settings of the web service, from the command line."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from digitserve_client.cpus import usable_cpus
from digitserve_web.app import create_app
from digitserve_web.cli import main
from digitserve_web.settings import Settings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"port": 65536}, "port is 65536; at least 0 and at most 65535 is wanted"),
        ({"max_pictures": 0}, "max_pictures is 0; at least 1"),
        ({"timeout_s": 0.0}, "timeout_s is 0.0; at least 0.01"),
        ({"log_level": "loud"}, "log_level is 'loud'; one of debug, info, warning, error is wanted"),
        ({"target": ""}, "target is empty"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(**values)


def test_pictures_are_prepared_in_a_thread_for_each_usable_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(64)), raising=False)
    monkeypatch.setattr("digitserve_web.settings.usable_cpus", partial(usable_cpus, tmp_path))
    assert Settings().usable_threads == 64
    (tmp_path / "cpu.max").write_text("200000 100000\n")
    assert Settings().usable_threads == 2
    assert Settings(threads=3).usable_threads == 3


def test_the_command_says_what_is_wrong_in_one_line() -> None:
    result = CliRunner().invoke(main, ["--max-pictures", "0"])
    assert result.exit_code == 2
    assert "max_pictures is 0; at least 1" in result.output


def test_help_names_every_variable() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    assert "DIGITSERVE_WEB_MAX_BODY_BYTES" in output
    assert "DIGITSERVE_WEB_TARGET" in output


def test_the_digit_server_s_authority_and_token_are_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, token = tmp_path / "ca.pem", tmp_path / "token"
    ca.write_text("no certificate")
    token.write_text("dgs_secret\n")
    started: list[Settings] = []
    monkeypatch.setattr("digitserve_web.cli._run", started.append)
    flags = ["--root-certificates", str(ca), "--token-file", str(token), "--tls"]
    assert CliRunner().invoke(main, flags).exit_code == 0
    assert started == [Settings(tls=True, root_certificates=ca, token_file=token)]
    with pytest.raises(ValueError, match="root_certificates is not in PEM"):
        create_app(started[0])
    create_app(Settings(token_file=token))
