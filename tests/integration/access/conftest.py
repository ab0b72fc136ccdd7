"""An authority, and a file of tokens."""

from pathlib import Path

import pytest
from authority import Authority, replace
from digitserve_serving.access.tokens import entry, new_token


class Tokens:
    """A tokens file, and the secrets of those in it, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets: dict[str, str] = {}
        self._entries: dict[str, str] = {}

    def add(self, name: str, *scopes: str, more: str = "") -> str:
        """A new token; `more` are further lines of its entry."""
        self.secrets[name] = new_token()
        self._entries[name] = entry(self.secrets[name], name, scopes) + more
        self._write()
        return self.secrets[name]

    def remove(self, name: str) -> None:
        del self._entries[name]
        self._write()

    def _write(self) -> None:
        replace(self.path, "\n".join(self._entries.values()).encode())


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    """A file with the tokens app, which may infer, and ops, which may administer."""
    tokens = Tokens(tmp_path / "tokens.toml")
    tokens.add("app", "infer")
    tokens.add("ops", "admin")
    return tokens


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")
