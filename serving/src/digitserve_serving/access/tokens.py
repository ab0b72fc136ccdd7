"""Bearer tokens: how one is made, and the file that has their hashes, scopes and rates."""

import hashlib
import json
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from digitserve_serving.access.watched import BadFile

PREFIX = "dgs_"  # so that scanners for secrets know one when it is committed by mistake
RANDOM_BYTES = 32

Rate = Annotated[float, msgspec.Meta(gt=0)]


class Scope(StrEnum):
    """What a token allows: asking the models, or changing what is served. Neither includes the other."""

    INFER = "infer"
    ADMIN = "admin"


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One token of the file.

    name: for people and logs. sha256: of the token, in hexadecimal digits. calls_per_s, rows_per_s: how
    many calls, and images in them, are answered per second, averaged; None is any number.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1)]
    calls_per_s: Rate | None = None
    rows_per_s: Rate | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tokens: list[Token]


def new_token() -> str:
    """A new secret."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest(token: bytes) -> bytes:
    """What is kept of a token.

    A plain SHA-256, and no slow hash for passwords: nobody guesses 256 random bits, however fast he tries,
    and this is computed with every call.
    """
    return hashlib.sha256(token).digest()


def read_tokens(path: Path) -> list[Token]:
    """The tokens of a TOML file. Raises BadFile when it cannot be read, or is not as it should be."""
    try:
        tokens = msgspec.toml.decode(path.read_bytes(), type=_File).tokens
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        raise BadFile(f"--tokens-file {path}: {error}") from error
    for field in ("name", "sha256"):
        if len({getattr(token, field) for token in tokens}) < len(tokens):
            raise BadFile(f"--tokens-file {path}: two tokens have the same {field}")
    return tokens


def entry(token: str, name: str, scopes: tuple[str, ...]) -> str:
    """What stands in the file for a token. Raises ValueError for a name that cannot stand there."""
    facts = {"name": name, "sha256": digest(token.encode()).hex(), "scopes": list(scopes)}
    msgspec.convert(facts, Token)
    # A list of ASCII strings is written in TOML as it is in JSON.
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in facts.items())
    return "".join(("[[tokens]]\n", *lines))
