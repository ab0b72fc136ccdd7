"""Which versions of a model are to be loaded, and which of them answers by default."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from digitserve_serving.rollout import Rollout

LATEST, ALL = "latest", "all"
NAMED = re.compile(r"[1-9][0-9]*(,[1-9][0-9]*)*")


class Plan(NamedTuple):
    """What is wanted of a model. Versions, newest first."""

    kept: tuple[str, ...]  # all of these are to be loaded
    candidates: tuple[str, ...]  # and of these the first that can be; the first that is loaded is the default
    pinned: str | None  # is the default, if it is loaded


def is_policy(text: str) -> bool:
    """Whether a setting is a policy: latest, all, or versions such as 1,3."""
    return text in (LATEST, ALL) or NAMED.fullmatch(text) is not None


def plan(policy: str, versions: Sequence[str], rollout: Rollout, shadow: str | None) -> Plan:
    """What is wanted of a model that has these versions, newest first.

    `shadow` is loaded, and becomes the default only when it is told to.
    """
    if rollout.off:
        return Plan((), (), None)
    usable = [version for version in versions if version not in rollout.unloaded]
    candidates = [v for v in usable if v != shadow and (policy in (LATEST, ALL) or v in policy.split(","))]
    kept = {*rollout.named(), *rollout.loaded, *(candidates if policy != LATEST else ()), shadow}
    return Plan(tuple(v for v in usable if v in kept), tuple(candidates), rollout.default)
