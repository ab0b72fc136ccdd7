"""The text faces that this machine has to draw letters with."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import ascii_letters

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

MOST_FACES = 8
BUNDLED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
NO_TEXT = ("symbol", "dingbat", "emoji", "math", "icon", "cmsy", "cmex", "cmmi", "sizes", "nonuni")


@cache
def typefaces() -> Sequence[Path]:
    """At most 8 font files with all Latin letters, evenly from the alphabet of their names.

    The system's; only where it has none, those that matplotlib brings, which are the same everywhere.
    """
    bundled = _with_letters(sorted(BUNDLED.glob("*.ttf")))
    known = set(bundled.values())
    system = sorted(map(Path, font_manager.findSystemFonts()), key=lambda file: (file.name, str(file)))
    found = [file for file, family in _with_letters(system).items() if family not in known]
    return _some(found or list(bundled))


def _with_letters(files: Sequence[Path]) -> dict[Path, str]:
    """The names of the families of those files that hold text faces."""
    faces = {file: _face(file) for file in files}
    return {
        file: face.family_name
        for file, face in faces.items()
        if face and not set(map(ord, ascii_letters)) - face.get_charmap().keys()
    }


def _face(file: Path) -> FT2Font | None:
    if file.suffix.lower() not in {".ttf", ".otf"} or any(part in file.name.lower() for part in NO_TEXT):
        return None
    try:
        return FT2Font(str(file))
    except (RuntimeError, OSError):  # damaged, or of a kind that FreeType does not know
        return None


def _some(files: Sequence[Path]) -> Sequence[Path]:
    places = np.unique(np.linspace(0, len(files) - 1, min(MOST_FACES, len(files))).round().astype(int))
    return [files[place] for place in places]
