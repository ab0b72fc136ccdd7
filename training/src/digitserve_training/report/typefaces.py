"""The text faces that this machine has to draw letters with."""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_letters

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

MOST_FACES = 12
BUNDLED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
NO_TEXT = ("symbol", "dingbat", "emoji", "math", "icon", "cmsy", "cmex", "cmmi", "sizes", "nonuni")


def typefaces() -> Sequence[Path]:
    """At most 12 font files with all Latin letters, evenly from the alphabet of their names.

    The system's; only where it has none, those that matplotlib brings, which are the same everywhere.
    """
    bundled = sorted(BUNDLED.glob("*.ttf"))
    known = {file.name for file in bundled}
    system = sorted(map(Path, font_manager.findSystemFonts()), key=lambda file: (file.name, str(file)))
    found = [file for file in system if file.name not in known and _has_letters(file)]
    return _some(found or [file for file in bundled if _has_letters(file)])


def _has_letters(file: Path) -> bool:
    if file.suffix.lower() not in {".ttf", ".otf"} or any(part in file.name.lower() for part in NO_TEXT):
        return False
    try:
        shapes = FT2Font(str(file)).get_charmap()
    except (RuntimeError, OSError):
        return False
    return all(ord(letter) in shapes for letter in ascii_letters)


def _some(files: Sequence[Path]) -> Sequence[Path]:
    places = np.unique(np.linspace(0, len(files) - 1, min(MOST_FACES, len(files))).round().astype(int))
    return [files[place] for place in places]
