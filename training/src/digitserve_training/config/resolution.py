"""From sources to one configuration."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec

from digitserve_training.config.config import Config
from digitserve_training.config.diagnosis import diagnosis, never_unsure, without_data
from digitserve_training.config.presets import DEFAULT, preset
from digitserve_training.config.source import Source, laid_over


@dataclass(frozen=True)
class Recipe:
    """A configuration and the name it goes by: its preset's, or its file's without the ending."""

    name: str
    config: Config


def recipe(
    preset_name: str | None = None,
    file: Path | None = None,
    overrides: Sequence[Source] = (),
    defaults: Sequence[Source] = (),
) -> Recipe:
    """The configuration of a preset, with the file's over it, and the overrides over both.

    A file alone may name its preset; without one it has to say everything. The defaults lie below the file,
    over the preset. Raises ConfigError.
    """
    if file is None:
        name = preset_name or DEFAULT
        base = _with_bases(preset(name, "--preset"))
        return Recipe(name, resolved([*base, *defaults, *overrides]))
    *base, own = _with_bases(Source.of_file(file))
    if preset_name:
        base = _with_bases(preset(preset_name, "--preset"))
    return Recipe(file.stem, resolved([*base, *defaults, own, *overrides]))


def resolved(sources: Sequence[Source]) -> Config:
    """The sources laid over each other, the last on top. Raises ConfigError."""
    values: dict[str, Any] = reduce(laid_over, (source.values for source in sources), {})
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise diagnosis(error, values, sources) from error
    if sum(config.added.values()) >= config.batch_size:
        raise without_data(config, sources)
    for number, look in enumerate(config.looks):
        if look.below <= look.at_least:
            raise never_unsure(look, number, sources)
    return config


def _with_bases(source: Source, below: int = 5) -> list[Source]:
    """The source, after the presets that it and they name as their base."""
    name = source.values.get("preset")
    if name is None or not below:
        return [source]
    own = {key: value for key, value in source.values.items() if key != "preset"}
    base = preset(name if isinstance(name, str) else repr(name), source.place(("preset",)))
    return [*_with_bases(base, below - 1), replace(source, values=own)]
