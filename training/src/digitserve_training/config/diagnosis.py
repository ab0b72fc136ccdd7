"""What is wrong with a configuration: where it is said, what came, and what is allowed there."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect

from digitserve_training.config.config import Config
from digitserve_training.config.parts import Look
from digitserve_training.config.source import MISSING, KeyPath, Source, value_at
from digitserve_training.errors import ConfigError

_ERROR = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_KEY = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_ONE_OF: Mapping[str | int, str] = {"layers": "layer", "looks": "look"}
_ABSENT = re.compile(r"Object missing required field `(.*)`")


def diagnosis(
    error: msgspec.ValidationError, values: Mapping[str, Any], sources: Sequence[Source]
) -> ConfigError:
    """The error that says it to a person, from msgspec's, the values and the sources they came from."""
    match = _ERROR.fullmatch(str(error))
    what, path = (match["what"], _key_path(match["path"] or "")) if match else (str(error), ())
    if unknown := _UNKNOWN.fullmatch(what):
        name = unknown[1]
        allowed = _keys(_narrowed(_type_at(path, values), value_at(values, path)))
        return _error(
            (*path, name), sources, "is not known", f"one of {', '.join(allowed)}", _near(name, allowed)
        )
    if absent := _ABSENT.fullmatch(what):
        path = (*path, absent[1])
        return _error(path, sources, "is missing", _wanted(path, values))
    value = value_at(values, path)
    near = _near(value, _choices(_type_at(path, values))) if isinstance(value, str) else ""
    return _error(path, sources, f"is {_shown(value)}", _wanted(path, values), near)


def without_data(config: Config, sources: Sequence[Source]) -> ConfigError:
    """The error for shares that fill whole batches; its place is where the last of their keys was said."""
    shares = [(name, "share") for name in config.added]
    paths: list[KeyPath] = [*shares, ("batch_size",)]
    place = [source.place(path) for source in sources for path in paths if source.has(path)][-1]
    found = f"{' and '.join(map(_spelled, shares))} add {sum(config.added.values())} images to a batch of "
    wanted = "at least 1 left for the data: smaller shares, or a larger batch_size"
    return ConfigError(place, f"{found}{config.batch_size}", wanted)


def never_unsure(look: Look, number: int, sources: Sequence[Source]) -> ConfigError:
    """The error for a look that no answer would get."""
    found = f"is {look.below:g}, with at_least at {look.at_least:g}"
    return _error(("looks", number, "below"), sources, found, "more than at_least")


def _error(path: KeyPath, sources: Sequence[Source], found: str, wanted: str, near: str = "") -> ConfigError:
    return ConfigError(_place(path, sources), f"{_spelled(path)} {found}", wanted + near)


def _place(path: KeyPath, sources: Sequence[Source]) -> str:
    """Where the path was said last, or else the table that it belongs in."""
    for end in range(len(path), 0, -1):
        for source in reversed(sources):
            if source.has(path[:end]):
                return source.place(path[:end])
    return sources[-1].name if sources else "the configuration"


def _key_path(text: str) -> KeyPath:
    return tuple(key["name"] or int(key["index"]) for key in _KEY.finditer(text))


def _spelled(path: KeyPath) -> str:
    """As in `layer 3, layer 1: filters` or `optimizer.learning_rate`; layers and looks are counted from 1."""
    one = _ONE_OF.get(path[0])
    listed = [f"{one} {key + 1}" for key in path if isinstance(key, int) and one]
    names = [str(key) for key in path]
    if not listed:
        return ".".join(names)
    last = max(at for at, key in enumerate(path) if isinstance(key, int))
    rest = ".".join(names[last + 1 :])
    return ", ".join(listed) + (f": {rest}" if rest else "")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _near(name: object, allowed: Sequence[str]) -> str:
    found = difflib.get_close_matches(str(name), allowed, 1)
    return f"; did you mean {found[0]}?" if found else ""


def _type_at(path: KeyPath, values: Any) -> inspect.Type:
    """The declared type of what belongs at the path; which of several tables it is, the values say."""
    found = inspect.type_info(Config)
    for at, key in enumerate(path):
        found = _item(_narrowed(found, value_at(values, path[:at])), key)
    return found


def _narrowed(kind: inspect.Type, value: Any) -> inspect.Type:
    tables = _tables(kind)
    tag = value.get("kind", MISSING) if isinstance(value, dict) else MISSING
    return next((table for table in tables if table.tag == tag), kind if len(tables) != 1 else tables[0])


def _item(kind: inspect.Type, key: str | int) -> inspect.Type:
    if isinstance(kind, inspect.VarTupleType):
        return kind.item_type
    if key == "kind" and (tables := _tables(kind)):
        return inspect.LiteralType(tuple(str(table.tag) for table in tables))
    fields = kind.fields if isinstance(kind, inspect.StructType) else ()
    return next((field.type for field in fields if field.name == key), inspect.AnyType())


def _tables(kind: inspect.Type) -> list[inspect.StructType]:
    types = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [each for each in types if isinstance(each, inspect.StructType)]


def _keys(kind: inspect.Type) -> list[str]:
    """The keys that a table may have."""
    tables = _tables(kind)
    tag = ["kind"] if any(table.tag is not None for table in tables) else []
    return list(dict.fromkeys(tag + [field.name for table in tables for field in table.fields]))


def _choices(kind: inspect.Type) -> list[str]:
    return [str(value) for value in kind.values] if isinstance(kind, inspect.LiteralType) else []


def _wanted(path: KeyPath, values: Mapping[str, Any]) -> str:
    return _described(_type_at(path, values))


def _described(kind: inspect.Type) -> str:
    """What may stand there, in words."""
    if tables := _tables(kind):
        tags = [str(table.tag) for table in tables if table.tag is not None]
        return f"a table of kind {', '.join(tags)}" if tags else f"a table of {', '.join(_keys(kind))}"
    if isinstance(kind, inspect.UnionType):  # with None, which stands for a key that is left out
        kind = next(each for each in kind.types if not isinstance(each, inspect.NoneType))
    if isinstance(kind, inspect.VarTupleType):
        return f"an array, each item {_described(kind.item_type)}"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _number(kind)
    choices = ["true", "false"] if isinstance(kind, inspect.BoolType) else _choices(kind)
    return f"one of {', '.join(choices)}" if choices else "text"


def _number(kind: inspect.IntType | inspect.FloatType) -> str:
    """As in `a whole number, 1 or more, at most 5`."""
    words = {"gt": "above {:,g}", "ge": "{:,g} or more", "lt": "below {:,g}", "le": "at most {:,g}"}
    limits = {name: getattr(kind, name) for name in words}
    name = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    said = [words[name].format(limit) for name, limit in limits.items() if limit is not None]
    return ", ".join([name, *said])
