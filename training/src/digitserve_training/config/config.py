"""A configuration: everything that decides how a model is made."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from digitserve_training.config.layers import Layer
from digitserve_training.config.parts import (
    Adam,
    Augmentation,
    Constant,
    Count,
    Data,
    Distillation,
    DrawnDigits,
    EarlyStopping,
    Look,
    Loss,
    Optimizer,
    Outliers,
    Part,
    Precision,
    Regularisation,
    Schedule,
    Share,
    Typefaces,
    Weights,
)


def map_trained(table: dict[str, Any], name_of: Callable[[str], str]) -> None:
    """Renames, in a configuration's table, the models which have to be there."""
    naming = [(look, "networks") for look in table["looks"]]
    if "distillation" in table:
        naming.append((table["distillation"], "teachers"))
    for part, key in naming:
        part[key] = list(map(name_of, part[key]))


class Config(Part, frozen=True, kw_only=True):
    """The recipe of a model; with its data and its seed it is the same model again.

    The last layer, to the logits of the classes, is not among `layers`: it follows from the data.
    By `soften_px`, a Gaussian's standard deviation, the finished network blurs what it sees: warps leave
    the images that it learns from softer than those of its users. Its file holds its `weights` in float32, or
    rounded to float16 at half the size; it computes in float32 either way. `looks` are taken in their order,
    each at what is doubted of the answers of the one before.
    """

    description: str = ""
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1
    epochs: Count = 20
    batch_size: Count = 128
    min_accuracy: Share = 0.99
    precision: Precision = "float32"
    soften_px: Annotated[float, Meta(ge=0, le=1)] = 0.0
    weights: Weights = "float32"
    data: Data = Data()
    optimizer: Optimizer = Adam()
    schedule: Schedule = Constant()
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    regularisation: Regularisation = Regularisation()
    early_stopping: EarlyStopping | None = None
    distillation: Distillation | None = None
    drawn_digits: DrawnDigits | None = None
    typefaces: Typefaces | None = None
    outliers: Outliers | None = None
    looks: tuple[Look, ...] = ()
    layers: tuple[Layer, ...]

    def logits(self, classes: int) -> int:
        """How many a network for so many classes ends in: one more where it learns what is none of them."""
        return classes + (self.outlier_share > 0)

    @property
    def teachers(self) -> tuple[str, ...]:
        """The models that it learns from."""
        return self.distillation.teachers if self.distillation else ()

    @property
    def lookers(self) -> tuple[str, ...]:
        """The models that look again at what it is not sure of."""
        return tuple(name for look in self.looks for name in look.networks)

    @property
    def outlier_share(self) -> float:
        """The part of a batch that is outliers, 0 to 0.5."""
        return self.outliers.share if self.outliers else 0.0

    @property
    def added(self) -> dict[str, int]:
        """How many images of a batch are not of the data, by their table; without shares of 0."""
        tables = {"drawn_digits": self.drawn_digits, "typefaces": self.typefaces, "outliers": self.outliers}
        shares = {name: table.share for name, table in tables.items() if table and table.share}
        return {name: round(self.batch_size * share) for name, share in shares.items()}

    def table(self) -> dict[str, Any]:
        """All of it as TOML or JSON takes it; what is None is left out."""
        found: dict[str, Any] = _without_none(msgspec.to_builtins(self))
        return found


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list | tuple) else value
