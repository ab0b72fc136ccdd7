"""What the command line learned of one picture."""

from dataclasses import dataclass
from typing import Any

from digitserve_client.results import Classification


@dataclass(slots=True)
class Outcome:
    """A picture, and in time its classification or what is wrong with it."""

    picture: str
    classification: Classification | None = None
    problem: str = ""

    def facts(self) -> dict[str, Any]:
        """As it is printed in JSON."""
        if self.classification is None:
            return {"picture": self.picture, "error": self.problem}
        return {
            "picture": self.picture,
            "digit": self.classification.digit,
            "label": self.classification.label,
            "confidence": round(self.classification.confidence, 6),
            "needs_review": self.classification.needs_review,
            "warnings": list(self.classification.warnings),
            "model": {
                "name": self.classification.model_name,
                "version": self.classification.model_version,
            },
        }
