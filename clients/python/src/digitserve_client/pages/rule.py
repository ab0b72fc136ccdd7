"""A straight printed line."""

from dataclasses import dataclass

MUCH_DARKER = 1.6  # times as dark as a rule is what a pen drew, and neither the rule nor its ticks


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that runs across: its box in px, its label, and how thick it is."""

    left: int
    top: int
    right: int
    bottom: int
    label: int
    thickness: float
