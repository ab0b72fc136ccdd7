"""Where the values of a configuration come from: presets, files and flags, laid over each other."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from digitserve_training.errors import ConfigError

KeyPath = tuple[str | int, ...]

MISSING = object()
# What may be open at the end of a line: arrays, and arrays in the tables of arrays (of residual layers).
CLOSINGS = ("", "]", "]}]", "]}]}]")


@dataclass(frozen=True)
class Source:
    """Values under one name: a file's, with its `text`, or a flag's."""

    name: str
    values: Mapping[str, Any]
    text: str = ""

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """Reads a TOML file. Raises ConfigError."""
        try:
            text = file.read_text()
            return cls(str(file), tomllib.loads(text), text)
        except OSError as error:
            raise ConfigError(str(file), error.strerror or str(error), "a TOML file") from error
        except UnicodeDecodeError as error:
            raise ConfigError(str(file), "the file is not text", "a TOML file") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(str(file), str(error), "TOML") from error

    @classmethod
    def of_flag(cls, assignment: str, name: str) -> Self:
        """What `key.path=value` says; a value that is not TOML is text. Raises ConfigError."""
        key, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigError(name, "no = in it", "a key and a value, as in optimizer.learning_rate=0.001")
        for written in (value, json.dumps(value.strip(), ensure_ascii=False)):
            try:
                return cls(name, tomllib.loads(f"{key} = {written}"))
            except tomllib.TOMLDecodeError:
                continue
        raise ConfigError(name, f"{key!r} is not a key", "names with dots between them")

    def has(self, path: KeyPath) -> bool:
        """Whether there is a value at the path."""
        return value_at(self.values, path) is not MISSING

    def place(self, path: KeyPath) -> str:
        """The name, and in a file the line at which the path is first there."""
        lines = self.text.splitlines()
        for number in range(1, len(lines) + 1):
            if any(_begins("\n".join(lines[:number]) + closing, path) for closing in CLOSINGS):
                return f"{self.name}, line {number}"
        return self.name


def value_at(values: Any, path: KeyPath) -> Any:
    """The value at the path, or MISSING."""
    for key in path:
        try:
            values = values[key]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return values


def _begins(text: str, path: KeyPath) -> bool:
    try:
        return value_at(tomllib.loads(text), path) is not MISSING
    except tomllib.TOMLDecodeError:
        return False


def laid_over(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the values over it: tables are joined, everything else is replaced.

    A table of another kind replaces the whole table, and `false` in place of a table takes it away.
    """
    result = dict(base)
    for key, value in values.items():
        old = base.get(key)
        if value is False and isinstance(old, dict):
            del result[key]
        elif isinstance(old, dict) and isinstance(value, dict) and _same_kind(old, value):
            result[key] = laid_over(old, value)
        else:
            result[key] = value
    return result


def _same_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return "kind" not in new or new["kind"] == old.get("kind")
