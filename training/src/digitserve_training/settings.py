"""The settings of a training job: a recipe, and where things come from and go to."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from digitserve_training.config import Recipe, Source, recipe
from digitserve_training.config.resolution import resolved
from digitserve_training.errors import RunError, SettingsError

QUICK = Source(
    "--quick",
    {"epochs": 3, "min_accuracy": 0.9, "data": {"fit_images": 10_000, "epoch_images": 10_000}},
)
"""What --quick sets, where nothing else is said: a smoke test, not a model. Few images get as many steps."""

RECIPE_FILE, JOB_FILE = "config.toml", "job.toml"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to make and where it goes; the defaults made the bundled model.

    `models` is the model repository and `name` the model's in it; `runs` the folder of all run folders, and
    `resume` the one to go on with, if any. `threads` None leaves their number to TensorFlow. Raises
    SettingsError.
    """

    recipe: Recipe = field(default_factory=recipe)
    models: Path = Path("models")
    name: str = "digits"
    runs: Path = Path("runs")
    resume: Path | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        self._require(
            "name", bool(re.fullmatch("[a-z][a-z0-9-]*", self.name)), "lower case letters, digits, -"
        )
        self._require("threads", self.threads is None or self.threads >= 1, "1 or more")

    def _require(self, setting: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise SettingsError(setting, getattr(self, setting), wanted)

    @classmethod
    def of_run(cls, folder: Path, overrides: Sequence[Source] = ()) -> Self:
        """The settings to go on with a run that was stopped, with the overrides over its configuration.

        Raises RunError or ConfigError.
        """
        if not (folder / RECIPE_FILE).is_file() or not (folder / JOB_FILE).is_file():
            raise RunError(folder, f"no {RECIPE_FILE} and {JOB_FILE} there", "the folder of a run")
        if (folder / "manifest.json").exists():
            raise RunError(folder, "it is finished", "one that was stopped")
        job = tomllib.loads((folder / JOB_FILE).read_text())
        config = resolved([Source.of_file(folder / RECIPE_FILE), *overrides])
        return cls(
            recipe=Recipe(job["recipe"], config),
            models=Path(job["models"]),
            name=job["name"],
            runs=folder.parent,
            resume=folder,
            threads=job.get("threads"),
        )

    def table(self) -> dict[str, Any]:
        """What `of_run` has to know besides the configuration, as TOML takes it."""
        threads = {} if self.threads is None else {"threads": self.threads}
        return {
            "recipe": self.recipe.name,
            "models": str(self.models.absolute()),
            "name": self.name,
        } | threads
