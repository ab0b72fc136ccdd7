"""What metrics.json says of a model's answers to pictures that are not digits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from sklearn.metrics import roc_auc_score, roc_curve

from digitserve_training.evaluation import Probabilities
from digitserve_training.report.measures import Answers, Share, share
from digitserve_training.report.model import Model
from digitserve_training.report.strangers import Stranger, strangers

REFUSED = 0.0
"""The score of what the client refuses: surer than any answer that it is no digit."""

Flags = npt.NDArray[np.bool_]


class StrangerMeasures(Struct, frozen=True):
    """One kind of picture: `flagged` counts those below the threshold and those that the client refused.

    `roc_area` is the area under the ROC curve of the confidence against the test digits: the chance that a
    digit gets a higher one.
    """

    kind: str
    images: int
    refused: int
    flagged: Share
    roc_area: float


class StrangersMeasures(Struct, frozen=True):
    """All kinds, and the share of the test digits that are flagged by the same threshold."""

    digits: str
    digits_flagged: Share
    typefaces: list[str]
    kinds: list[StrangerMeasures]


@dataclass(frozen=True, eq=False)
class StrangerAnswers:
    """What a model says to strangers, one score and one answer each, beside what it says to digits."""

    strangers: Sequence[Stranger]
    scores: Probabilities
    said: npt.NDArray[np.intp]
    digits: Answers
    threshold: float

    @cached_property
    def groups(self) -> dict[str, Flags]:
        """Which strangers, (N,), are of each kind; some kinds once more without what looks like a digit."""
        kinds = np.array([stranger.kind for stranger in self.strangers])
        alike = np.array([stranger.like_a_digit for stranger in self.strangers])
        found: dict[str, Flags] = {}
        for kind in dict.fromkeys(kinds.tolist()):
            found[kind] = kinds == kind
            if (alike & found[kind]).any():
                found[f"{kind} unlike digits"] = found[kind] & ~alike
        return found | {"all kinds": np.ones_like(alike), "all kinds unlike digits": ~alike}

    def roc(self, group: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The shares of digits and of the group that each threshold flags, both (M,), rising."""
        strange = self.scores[self.groups[group]]
        # What is looked for are strangers, and they have low confidences.
        digits, flagged, _ = roc_curve(*_labelled(strange, self.digits.confidences))
        return digits, flagged


def ask(model: Model, digits: Answers) -> StrangerAnswers:
    """Draws strangers, two digits in a picture from the test digits, and asks the model."""
    drawn = strangers(digits.samples.truth.images)
    images = np.stack([stranger.image for stranger in drawn if stranger.image is not None])
    probabilities = model.graph.probabilities(images)
    seen = np.array([stranger.image is not None for stranger in drawn])
    scores, said = np.full(len(drawn), REFUSED), np.zeros(len(drawn), np.intp)
    scores[seen], said[seen] = probabilities.max(axis=1), probabilities.argmax(axis=1)
    return StrangerAnswers(drawn, scores, said, digits, model.threshold)


def measure_strangers(given: StrangerAnswers) -> StrangersMeasures:
    """All figures of all kinds."""
    digits = given.digits
    flagged = int((digits.confidences < given.threshold).sum()) + digits.samples.refused
    faces = {name.partition(" ")[2] for name in (s.name for s in given.strangers if s.kind == "letters")}
    return StrangersMeasures(
        digits=digits.samples.name,
        digits_flagged=share(flagged, len(digits.samples)),
        typefaces=sorted(faces),
        kinds=[_kind(given, kind, members) for kind, members in given.groups.items()],
    )


def _kind(given: StrangerAnswers, kind: str, members: Flags) -> StrangerMeasures:
    scores = given.scores[members]
    flagged = int((scores < given.threshold).sum())
    return StrangerMeasures(
        kind=kind,
        images=len(scores),
        refused=int((scores == REFUSED).sum()),
        flagged=share(flagged, len(scores)),
        roc_area=float(roc_auc_score(*_labelled(scores, given.digits.confidences))),
    )


def _labelled(strange: Probabilities, digits: Probabilities) -> tuple[Flags, Probabilities]:
    """Whether each is a stranger, and the score for that: the lower the confidence, the stranger."""
    return np.repeat([True, False], [len(strange), len(digits)]), -np.concatenate([strange, digits])
