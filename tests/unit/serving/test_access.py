"""Tokens, rates and the command that makes a token, without a server."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from digitserve_serving import cli
from digitserve_serving.access.guard import Guard
from digitserve_serving.access.rates import Levels, TokenBucket, shared_levels
from digitserve_serving.access.tokens import Scope, Token, digest, entry, new_token, read_tokens
from digitserve_serving.access.watched import BadFile
from digitserve_serving.errors import Unauthenticated
from digitserve_serving.settings import Settings

CLASSIFY = "/digitserve.v1.DigitService/ClassifyImage"
KEY, OTHER_KEY = bytes(range(16)), bytes((0, 1, 2, 3, *range(12)))  # which want the same slot
ENTRY = entry("dgs_secret", "app", ("infer",))


class Clock:
    """Stands still, unless told otherwise."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_second_s_worth_may_be_used_at_once(clock: Clock) -> None:
    bucket = TokenBucket(4, KEY, Levels(), clock)
    assert [bucket.take(1) for _ in range(5)] == [0, 0, 0, 0, 0.25]
    clock.now_s += 0.25
    assert [bucket.take(1) for _ in range(2)] == [0, 0.25]
    clock.now_s += 3600
    assert [bucket.take(2) for _ in range(3)] == [0, 0, 0.5]


def test_a_call_that_is_larger_is_paid_off_afterwards(clock: Clock) -> None:
    bucket = TokenBucket(10, KEY, Levels(), clock)
    assert bucket.take(25) == 0
    assert bucket.take(1) == pytest.approx(1.6)
    clock.now_s += 1.5
    assert bucket.take(1) == pytest.approx(0.1)
    clock.now_s += 0.5
    assert bucket.take(25) == pytest.approx(0.5)
    clock.now_s += 0.5
    assert bucket.take(25) == 0


def test_the_average_is_kept(clock: Clock) -> None:
    bucket, taken = TokenBucket(50, KEY, Levels(), clock), 0
    for _ in range(1000):
        clock.now_s += 0.01
        taken += 7 * (not bucket.take(7))
    assert taken == pytest.approx(10 * 50 + 50, abs=7)


def test_processes_draw_from_the_same_bucket(clock: Clock) -> None:
    with shared_levels() as descriptor:
        of_two = [TokenBucket(4, KEY, Levels(descriptor), clock) for _ in range(2)]
        others = TokenBucket(1, OTHER_KEY, Levels(descriptor), clock)
        assert [bucket.take(1) for bucket in of_two * 2] == [0, 0, 0, 0]
        assert [bucket.take(1) for bucket in (*of_two, others)] == [0.25, 0.25, 0]
        clock.now_s += 0.25
        assert [bucket.take(1) for bucket in (*of_two, others)] == [0, 0.25, 0.75]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("tokens = 1", r"Expected `array`, got `int` - at `\$.tokens`"),
        ("", "missing required field `tokens`"),
        ("[[tokens]]\nname = 'app'", "missing required field `sha256`"),
        (ENTRY.replace("dgs", "").replace('"infer"', '"root"'), "Invalid enum value 'root'"),
        (ENTRY.replace('["infer"]', "[]"), "Expected `array` of length >= 1"),
        (ENTRY + "calls_per_s = 0\n", "Expected `float` > 0.0"),
        (ENTRY + "row_per_s = 1\n", "unknown field `row_per_s`"),
        (ENTRY.replace(digest(b"dgs_secret").hex(), "dgs_secret"), "Expected `str` matching regex"),
        (ENTRY + ENTRY, "two tokens have the same name"),
        (ENTRY + ENTRY.replace("app", "other"), "two tokens have the same sha256"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(content)
    with pytest.raises(BadFile, match=message) as raised:
        Guard(Settings(tokens_file=path))
    assert str(raised.value).startswith(f"--tokens-file {path}: ")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="No such file"):
        Guard(Settings(tokens_file=tmp_path / "tokens.toml"))


def test_no_token_is_like_another() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == len("dgs_") + 43 for token in tokens)  # 32 bytes in base64


def test_the_command_makes_a_token_that_is_taken(tmp_path: Path) -> None:
    """The secret goes to stderr, so that its entry alone can be added to the file."""
    path = tmp_path / "tokens.toml"
    command = ("token", "new", "--name", "app1", "--scope", "infer", "--scope", "admin")
    result = CliRunner().invoke(cli.main, command)
    assert result.exit_code == 0, result.output
    secret = result.stderr.splitlines()[0]
    path.write_text(result.stdout)
    assert secret not in result.stdout
    assert read_tokens(path) == [
        Token(name="app1", sha256=digest(secret.encode()).hex(), scopes=(Scope.INFER, Scope.ADMIN))
    ]
    guard = Guard(Settings(tokens_file=path))
    caller = guard.admit(CLASSIFY, f"Bearer {secret}")
    assert caller
    assert caller.token.name == "app1"
    with pytest.raises(Unauthenticated):
        guard.admit(CLASSIFY, "Bearer dgs_other")


def test_a_name_that_cannot_stand_in_the_file_is_a_usage_error() -> None:
    result = CliRunner().invoke(cli.main, ("token", "new", "--name", 'a"\n[[tokens]]'))
    assert result.exit_code == 2
    assert "letters, digits and .@-_ are wanted" in result.output
