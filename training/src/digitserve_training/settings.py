"""The settings of a training job."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitserve_training.errors import SettingsError

PRESETS = ("cnn",)

QUICK: dict[str, Any] = {"epochs": 3, "fit_images": 10_000, "min_accuracy": 0.9}
"""What --quick sets, where nothing else is said: a smoke test, not a model."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides how a model is made and where it goes; the defaults made the bundled one.

    `data` None downloads MNIST; `fit_images` None fits on all images that are not for validation;
    `threads` None leaves their number to TensorFlow. Raises SettingsError.
    """

    data: Path | None = None
    models: Path = Path("models")
    name: str = "digits"
    preset: str = "cnn"
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 2e-3
    seed: int = 1
    min_accuracy: float = 0.99
    fit_images: int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        self._require(
            "name", bool(re.fullmatch("[a-z][a-z0-9-]*", self.name)), "lower case letters, digits, -"
        )
        self._require("preset", self.preset in PRESETS, f"one of {', '.join(PRESETS)}")
        self._require("epochs", self.epochs >= 1, "1 or more")
        self._require("batch_size", self.batch_size >= 1, "1 or more")
        self._require("learning_rate", 0 < self.learning_rate < math.inf, "a number above 0")
        self._require("seed", 0 <= self.seed < 2**31, "0 to 2147483647")
        self._require("min_accuracy", 0 <= self.min_accuracy <= 1, "0 to 1")
        self._require("fit_images", self.fit_images is None or self.fit_images >= 1, "1 or more")
        self._require("threads", self.threads is None or self.threads >= 1, "1 or more")

    def _require(self, setting: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise SettingsError(setting, getattr(self, setting), wanted)
