"""A straight printed line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that runs across: its box in px, its label, and how thick it is."""

    left: int
    top: int
    right: int
    bottom: int
    label: int
    thickness: float
