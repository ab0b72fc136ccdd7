"""The presets: TOML files in a folder beside the code. A file more is a preset more."""

import difflib
from pathlib import Path

from digitserve_training.config.source import Source
from digitserve_training.errors import ConfigError

FOLDER = Path(__file__).parents[1] / "presets"
DEFAULT = "cnn"


def names() -> list[str]:
    """All presets, in alphabetical order."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def preset(name: str, asked_by: str) -> Source:
    """The preset's file. Raises ConfigError, which says who asked for it."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(asked_by, f"preset is {name!r}", f"one of {', '.join(known)}{hint}")
    return Source.of_file(FOLDER / f"{name}.toml")
