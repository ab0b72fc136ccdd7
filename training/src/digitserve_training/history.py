"""What a fit has come to, epoch by epoch."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Epoch:
    """One epoch, counted from 1: losses in nats, accuracy as a share, the learning rate at its end."""

    epoch: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


def best(history: Sequence[Epoch]) -> Epoch:
    """The epoch of the lowest validation loss; of equal ones the first."""
    return min(history, key=lambda epoch: epoch.validation_loss)


def as_csv(history: Sequence[Epoch]) -> str:
    """A line of names, then a line for each epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return text.getvalue()
