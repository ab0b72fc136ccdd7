"""What administrators may do with models.

Each call writes a wish into the repository and has it come true in this process before it returns; the
other processes see it at their next look. What can fail is tried first: no wish is left that cannot be met.
"""

import asyncio
import re
from collections.abc import Callable

import msgspec

from digitserve_serving.entries import Entry
from digitserve_serving.errors import ControlRefused, InvalidRequest, ModelFailed
from digitserve_serving.keeper import Keeper
from digitserve_serving.repository import words_of
from digitserve_serving.rollout import FILE, LABEL, Rollout, change_rollout
from digitserve_serving.settings import Settings


class Control:
    """Loads, unloads, sets defaults and labels, rolls back. For one event loop.

    Each method raises ModelNotFound, ModelFailed and ControlRefused; an empty name is the default model.
    """

    def __init__(self, settings: Settings, keeper: Keeper) -> None:
        self._models = settings.models
        self._keeper = keeper

    async def load(self, name: str, version: str) -> Entry:
        """Loads a version for good; without one, what the policy wants, the failed ones once more."""
        async with self._keeper.lock:
            await self._keeper.look()
            asked = self._keeper.find(name, version)
            if version:
                await self._bring(asked)
                await self._change(asked.name, lambda before: _with(before, asked.version))
            else:
                await self._change(asked.name, _everything, force=True)
            entry = self._keeper.find(name, version)
            if not entry.ready:
                raise ModelFailed(entry.name, entry.version, entry.reason)
            return entry

    async def unload(self, name: str, version: str) -> Entry:
        """Unloads a version for good; without one, the whole model."""
        async with self._keeper.lock:
            await self._keeper.look()
            asked = self._keeper.find(name, version)
            if version and asked.version in self._keeper.rollout(asked.name).named():
                raise ControlRefused(
                    f"{asked.name}/{asked.version}",
                    "it was chosen as the default or has a label; give that to another version first",
                )
            change = (lambda before: _without(before, asked.version)) if version else _nothing
            await self._change(asked.name, change)
            return asked

    async def set_default(self, name: str, version: str, label: str) -> Entry:
        """Chooses the default version, or the one that a label stands for; without a version, none.

        Raises InvalidRequest.
        """
        if label and not re.fullmatch(LABEL, label):
            raise InvalidRequest("label", f"is {label[:64]!r}; 1 to 63 of a-z, 0-9 and -, a letter first")
        async with self._keeper.lock:
            await self._keeper.look()
            current, asked = self._keeper.find(name, ""), self._keeper.find(name, version)
            chosen = asked.version if version else None
            if chosen:
                await self._bring(asked)
            change = _labelled(label, chosen) if label else _pinned(chosen, current.version)
            await self._change(asked.name, change)
            return self._keeper.find(name, label if chosen else "")

    async def rollback(self, name: str) -> Entry:
        """Makes the version the default again that was it before."""
        async with self._keeper.lock:
            await self._keeper.look()
            current = self._keeper.find(name, "")
            for target in self._before(current):
                if await self._keeper.bring(target, force=True):
                    await self._change(current.name, _pinned(target.version, current.version))
                    return self._keeper.find(name, "")
            raise ControlRefused(current.name, "there is no earlier version that can be loaded")

    def _before(self, current: Entry) -> list[Entry]:
        """Where a rollback may go, best first."""
        rollout = self._keeper.rollout(current.name)
        known = self._keeper.table.addresses.get((current.name, rollout.previous or current.version))
        return [*([known] if known and known is not current else []), *self._keeper.older(current)]

    async def _bring(self, entry: Entry) -> None:
        if not await self._keeper.bring(entry, force=True):
            raise ModelFailed(entry.name, entry.version, entry.reason)

    async def _change(self, name: str, change: Callable[[Rollout], Rollout], *, force: bool = False) -> None:
        """Writes down what is wanted, and does it."""
        try:
            await asyncio.to_thread(change_rollout, self._models / name, change)
        except (OSError, ValueError) as error:
            problem = f"{name}/{FILE} in the repository cannot be changed: {words_of(error)}"
            raise ControlRefused(name, problem) from error
        finally:  # also lets go of what was brought in vain
            await self._keeper.look()
            await self._keeper.settle(name, force=force)


def _with(before: Rollout, version: str) -> Rollout:
    loaded = (*(v for v in before.loaded if v != version), version)
    return msgspec.structs.replace(_usable(before, version), loaded=loaded)


def _without(before: Rollout, version: str) -> Rollout:
    loaded = tuple(v for v in before.loaded if v != version)
    unloaded = (*_usable(before, version).unloaded, version)
    return msgspec.structs.replace(before, loaded=loaded, unloaded=unloaded)


def _everything(before: Rollout) -> Rollout:
    return msgspec.structs.replace(before, off=False, unloaded=())


def _nothing(before: Rollout) -> Rollout:
    return msgspec.structs.replace(before, off=True)


def _usable(before: Rollout, version: str) -> Rollout:
    unloaded = tuple(v for v in before.unloaded if v != version)
    return msgspec.structs.replace(before, off=False, unloaded=unloaded)


def _labelled(label: str, version: str | None) -> Callable[[Rollout], Rollout]:
    def change(before: Rollout) -> Rollout:
        labels = {name: v for name, v in before.labels.items() if name != label}
        if version is None:
            return msgspec.structs.replace(before, labels=labels)
        return msgspec.structs.replace(_usable(before, version), labels=labels | {label: version})

    return change


def _pinned(version: str | None, current: str) -> Callable[[Rollout], Rollout]:
    def change(before: Rollout) -> Rollout:
        if version is None:
            return msgspec.structs.replace(before, default=None, previous=None)
        previous = before.previous if version == current else current
        return msgspec.structs.replace(_usable(before, version), default=version, previous=previous)

    return change
