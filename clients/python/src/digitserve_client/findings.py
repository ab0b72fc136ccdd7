"""What was found in a picture on its way to the model's form."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Polarity(StrEnum):
    """What the ink is on."""

    DARK_ON_LIGHT = "dark_on_light"
    LIGHT_ON_DARK = "light_on_dark"


class PictureWarning(StrEnum):
    """Why the answer to a picture deserves a second look, whatever the model says."""

    BLANK = "blank"
    """No ink was found, only paper."""
    FAINT = "faint"
    """The ink hardly stands out from the paper."""
    CUT_OFF = "cut_off"
    """The ink runs into one border of the picture, or into two that meet, with room on the others."""
    SEVERAL_DIGITS = "several_digits"
    """There are parts that stand side by side, or the ink is far wider than any digit."""

    @property
    def text(self) -> str:
        """For people, such as "cut off at the border"."""
        return _TEXTS[self]


_TEXTS = {
    PictureWarning.BLANK: "looks blank",
    PictureWarning.FAINT: "very faint",
    PictureWarning.CUT_OFF: "cut off at the border",
    PictureWarning.SEVERAL_DIGITS: "more than one digit",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found in a picture.

    polarity: dark ink on light ground or the reverse; None for a blank picture.
    ink_share: of the picture's pixels that are ink of the digit, 0 to 1.
    contrast: between paper and full ink, 0 to 1 of what the picture could hold.
    warnings: what a person should know of; empty for most pictures.
    """

    polarity: Polarity | None
    ink_share: float
    contrast: float
    warnings: tuple[PictureWarning, ...] = ()

    @property
    def is_blank(self) -> bool:
        """Whether there is no digit in the picture."""
        return PictureWarning.BLANK in self.warnings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedPicture:
    """A picture in MNIST's form, and what was found on the way; the clients' calls take it like the picture.

    image: (28, 28) uint8, white ink on black; all 0 for a blank picture.
    """

    image: NDArray[np.uint8]
    findings: Findings
