"""Keeps what is loaded in line with the repository and the operators' wishes, off the path of the calls."""

import asyncio
import logging
from pathlib import Path
from typing import NamedTuple

from digitserve_serving import repository
from digitserve_serving.entries import Entry, ReadyModel, State
from digitserve_serving.errors import ModelNotFound
from digitserve_serving.loading import Loader
from digitserve_serving.repository import BadModel, Contents, VersionFolder
from digitserve_serving.rollout import FILE, Rollout
from digitserve_serving.settings import Settings
from digitserve_serving.versions import Plan, plan

log = logging.getLogger(__name__)

Address = tuple[str, str]  # of a model, and of a version: a number, a label, or "" for the default


class Table(NamedTuple):
    """Who answers what. Never changed, only replaced: so it is asked without a lock."""

    entries: tuple[Entry, ...]  # by name and then version
    addresses: dict[Address, Entry]
    ready: dict[Address, ReadyModel]


class Keeper:
    """Loads what is wanted, has it take over when it is ready, and ends what is wanted no more.

    For one event loop; `table` may be asked by any thread. Who changes anything holds `lock`.
    """

    def __init__(self, settings: Settings, loader: Loader) -> None:
        """Looks for the models, loads none. Raises FileNotFoundError when the default is not among them."""
        self._settings = settings
        self._loader = loader
        self._entries: dict[Address, Entry] = {}
        self._wishes: dict[str, Rollout] = {}  # as they were read
        self._rollouts: dict[str, Rollout] = {}  # as far as they have come true
        self._problems: dict[Path, str] = {}
        self.lock = asyncio.Lock()
        self.failed_looks = 0
        self.complete = asyncio.Event()  # every model has a version that answers, or is to have none
        self.table = Table((), {}, {})
        self._note(repository.look(settings.models))
        self._check_default()
        self._check_shadow()
        for name in self._names():
            self._rollouts[name] = self.rollout(name)
            wanted = self._plan(name, self.rollout(name))
            for version in (*wanted.kept, *wanted.candidates[:1]):
                self._entries[name, version].state = State.LOADING
        self._publish()

    def find(self, name: str, version: str) -> Entry:
        """The version asked for, by number or label; "" is the default. Raises ModelNotFound."""
        if entry := self.table.addresses.get((name, version)):
            return entry
        known = ", ".join(f"{entry.name}/{entry.version}" for entry in self.table.entries)
        raise ModelNotFound(name or self._settings.default_model, version, known)

    def rollout(self, name: str) -> Rollout:
        """The wishes for a model."""
        return self._wishes.get(name, Rollout())

    def older(self, entry: Entry) -> list[Entry]:
        """The older versions of a model, newest first."""
        versions = self._versions(entry.name)
        return [self._entries[entry.name, v] for v in versions if int(v) < int(entry.version)]

    async def look(self) -> None:
        """Takes note of what the repository has now; what cannot be read stays as it was.

        New versions are known from now on; who answers what does not change before `settle`.
        """
        self._note(await asyncio.to_thread(repository.look, self._settings.models))
        addresses = self.table.addresses | self._with_unnamed(self._entries)
        self.table = self.table._replace(entries=self._sorted(), addresses=addresses)

    async def settle(self, name: str, *, force: bool = False) -> None:
        """Loads what is wanted of a model, then has it take over, then lets go of the rest.

        Files that have changed since the last look, and those that failed as they are, are left alone
        unless it is forced.
        """
        wanted = self._plan(name, self.rollout(name))
        tried = set(wanted.kept)
        for version in wanted.kept:
            await self.bring(self._entries[name, version], force=force)
        for version in wanted.candidates:
            tried.add(version)
            if await self.bring(self._entries[name, version], force=force):
                break
        for entry in self._entries.values():
            if entry.name == name and entry.version not in tried:
                self._let_go(entry)
        self._rollouts[name] = self.rollout(name)
        self._publish()

    async def settle_all(self, *, force: bool = False) -> None:
        """The same for every model."""
        for name in self._names():
            await self.settle(name, force=force)

    async def bring(self, entry: Entry, *, force: bool) -> bool:
        """Loads a version if that is to be tried; whether it is loaded."""
        if not entry.ready and (force or (entry.settled and entry.tried != entry.folder.stamp)):
            await self._load(entry)
        return entry.ready is not None

    async def _load(self, entry: Entry) -> None:
        entry.tried = entry.folder.stamp
        entry.set_state(State.LOADING)
        try:
            model = await self._loader.load(entry.folder)
        except BadModel as error:
            _refuse(entry, str(error))
        except Exception as error:  # whatever a broken model does, the server stays up and says so
            log.exception("model %s/%s", entry.name, entry.version)
            _refuse(entry, f"it cannot be loaded ({type(error).__name__}); the log has more")
        except BaseException:  # who asked for it has gone
            entry.tried = None
            entry.set_state(State.UNLOADED)
            raise
        else:
            entry.set_state(State.READY, ready=model)
            log.info("model %s/%s is ready", entry.name, entry.version)

    def _let_go(self, entry: Entry) -> None:
        model, entry.tried = entry.ready, None  # it may come back
        why = self.rollout(entry.name).why_unloaded(entry.name, entry.version)
        entry.set_state(State.UNLOADED, why)
        if model:
            self._loader.retire(model)

    def _names(self) -> list[str]:
        return sorted({name for name, _ in self._entries})

    def _versions(self, name: str) -> list[str]:
        """Newest first."""
        return sorted((version for n, version in self._entries if n == name), key=int, reverse=True)

    def _plan(self, name: str, rollout: Rollout) -> Plan:
        shadow = self._settings.shadowing
        version = (
            rollout.labels.get(shadow.version, shadow.version) if shadow and shadow.name == name else None
        )
        return plan(self._settings.versions, self._versions(name), rollout, version)

    def _is_unwanted(self, name: str) -> bool:
        """Whether no version of a model is to be loaded, as operators wish or the policy has it."""
        return not any(self._plan(name, self.rollout(name))[:2])

    def _default(self, name: str) -> Entry:
        """What answers a request that names no version; or would, if it could be loaded."""
        wanted = self._plan(name, self._rollouts.get(name, Rollout()))
        pinned = (wanted.pinned,) if wanted.pinned else ()
        order = (*pinned, *wanted.candidates, *wanted.kept, *self._versions(name))
        entries = [self._entries[name, version] for version in order if (name, version) in self._entries]
        return next((entry for entry in entries if entry.ready), entries[0])

    def _publish(self) -> None:
        """Replaces the table, at once for all who ask."""
        addresses: dict[Address, Entry] = dict(self._entries)
        for name in self._names():
            labels = self._rollouts.get(name, Rollout()).labels
            named = {label: self._entries.get((name, version)) for label, version in labels.items()}
            addresses |= {(name, label): entry for label, entry in named.items() if entry}
            addresses[name, ""] = self._default(name)
        for entry in self._entries.values():
            labels = self._rollouts.get(entry.name, Rollout()).labels
            entry.labels = tuple(sorted(label for label, v in labels.items() if v == entry.version))
        addresses = self._with_unnamed(addresses)
        ready = {address: entry.ready for address, entry in addresses.items() if entry.ready}
        self._tell_of_default(addresses)
        self.table = Table(self._sorted(), addresses, ready)
        if all(addresses[name, ""].ready or self._is_unwanted(name) for name in self._names()):
            self.complete.set()

    def _with_unnamed(self, addresses: dict[Address, Entry]) -> dict[Address, Entry]:
        """And those of the default model, without its name."""
        default = self._settings.default_model
        return addresses | {
            ("", version): entry for (name, version), entry in addresses.items() if name == default
        }

    def _sorted(self) -> tuple[Entry, ...]:
        return tuple(sorted(self._entries.values(), key=lambda entry: (entry.name, int(entry.version))))

    def _tell_of_default(self, addresses: dict[Address, Entry]) -> None:
        for name in self._names():
            before, now = self.table.addresses.get((name, "")), addresses[name, ""]
            if now.ready and (now is not before or (name, "") not in self.table.ready):
                log.info("model %s/%s answers by default", name, now.version)

    def _note(self, contents: Contents) -> None:
        self._report(contents.problems)
        for name, found in contents.models.items():
            for folder in found.versions:
                self._note_version(folder)
            self._note_wishes(name, found.rollout)
        there = {(f.name, f.version) for found in contents.models.values() for f in found.versions}
        root = self._settings.models
        for name, version in [*self._entries]:
            unread = {root, root / name} & contents.problems.keys()
            if (name, version) not in there and not unread and not self._entries[name, version].ready:
                del self._entries[name, version]

    def _note_version(self, folder: VersionFolder) -> None:
        entry = self._entries.setdefault((folder.name, folder.version), Entry(folder))
        entry.settled = entry.folder is not folder and entry.folder.stamp == folder.stamp
        entry.folder = folder

    def _note_wishes(self, name: str, rollout: Rollout) -> None:
        """Those that cannot come true are told once: who writes them by hand would take them for done."""
        if rollout != self._wishes.get(name):
            for version in sorted({*rollout.named(), *rollout.loaded} - set(self._versions(name))):
                log.warning("%s/%s wants version %s, which is not there", name, FILE, version)
        self._wishes[name] = rollout

    def _report(self, problems: dict[Path, str]) -> None:
        self.failed_looks += bool(problems)
        if problems != self._problems:
            for path, problem in problems.items():
                log.error("%s cannot be read: %s; what is served stays", path, problem)
            if not problems:
                log.info("the repository can be read again")
        self._problems = problems

    def _check_default(self) -> None:
        """Raises FileNotFoundError."""
        models, default, policy = self._settings.models, self._settings.default_model, self._settings.versions
        if not self._entries:
            why = "".join(f"; {path} cannot be read: {problem}" for path, problem in self._problems.items())
            raise FileNotFoundError(
                f"no model in {models.absolute()} (--models): want <name>/<version>/model.onnx there,"
                f" a name of a-z, 0-9 and - that begins with a letter, and a number as the version{why}"
            )
        if default not in self._names():
            raise FileNotFoundError(
                f"no model {default!r} in {models}, which has {', '.join(self._names())}:"
                " say which shall be the default (--default-model)"
            )
        if self._is_unwanted(default) and not any(self._plan(default, Rollout())[:2]):
            has = ", ".join(self._versions(default))
            raise FileNotFoundError(f"model {default!r} has the versions {has}, not {policy} (--versions)")

    def _check_shadow(self) -> None:
        """It may come later: so this is no error."""
        if shadow := self._settings.shadowing:
            known = [*self._versions(shadow.name), *self.rollout(shadow.name).labels]
            if shadow.version not in known:
                log.warning("%s/%s is not there, and so not asked (--shadow)", shadow.name, shadow.version)


def _refuse(entry: Entry, reason: str) -> None:
    entry.set_state(State.FAILED, reason)
    log.error("model %s/%s is refused: %s", entry.name, entry.version, reason)
