"""The models of a running server: which there are, which are ready, who answers a request."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from digitserve_serving.awaiting import AsyncBatcher
from digitserve_serving.batcher import Batcher
from digitserve_serving.cpus import usable_cpus
from digitserve_serving.errors import Draining, ModelFailed, ModelLoading, ModelNotFound
from digitserve_serving.manifest import Manifest
from digitserve_serving.metrics.call_counts import CallCounts
from digitserve_serving.metrics.observations import Observations
from digitserve_serving.repository import (
    BadModel,
    VerifiedModel,
    VersionFolder,
    load_verified,
    newest_versions,
)
from digitserve_serving.settings import NO_PORT, Settings
from digitserve_serving.tracing import environment
from digitserve_serving.tracing.requests import BatchSpans

log = logging.getLogger(__name__)


class State(Enum):
    """Where a model version stands in its life."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, eq=False)
class ReadyModel:
    """A model version that answers."""

    manifest: Manifest
    batcher: Batcher
    async_batcher: AsyncBatcher
    observations: Observations | None  # where there are metrics to be served


@dataclass(slots=True)
class Entry:
    """One model version and its state."""

    folder: VersionFolder
    state: State = State.LOADING
    reason: str = ""
    ready: ReadyModel | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.folder.name

    @property
    def version(self) -> str:
        """Version of the model."""
        return self.folder.version


class Models:
    """The newest version of every model in the repository, each behind a batcher of its own."""

    def __init__(self, settings: Settings) -> None:
        """Finds the models, loads none. Raises FileNotFoundError when the default is not among them."""
        self._settings = settings
        self._entries = [Entry(folder) for folder in newest_versions(settings.models)]
        if not any(self.is_default(entry) for entry in self._entries):
            names = ", ".join(entry.name for entry in self._entries)
            raise FileNotFoundError(
                f"no model {settings.default_model!r} in {settings.models}, which has {names}:"
                " say which shall be the default (--default-model)"
            )
        self._ready: dict[tuple[str, str], ReadyModel] = {}  # by every way to ask for it
        self._batchers: tuple[Batcher, ...] = ()
        self.calls = CallCounts()  # of all that were asked of this server
        self.draining = asyncio.Event()

    async def load(self) -> bool:
        """Loads every model. False when one of them failed."""
        for entry in self._entries:
            await self._load(entry)
        return all(entry.state is State.READY for entry in self._entries)

    async def close(self) -> None:
        """Finishes the batches under way and frees the threads."""
        for batcher in self._batchers:
            await asyncio.to_thread(batcher.close)

    def batchers(self) -> Sequence[Batcher]:
        """What computes, of every model that is ready."""
        return self._batchers

    def list(self) -> list[Entry]:
        """Every model version, by name and then version."""
        return list(self._entries)

    def is_default(self, entry: Entry) -> bool:
        """Whether this is what answers a request that names no model."""
        return entry.name == self._settings.default_model

    def find(self, name: str, version: str) -> Entry:
        """The version asked for; "" is the default. Raises ModelNotFound."""
        name = name or self._settings.default_model
        for entry in self._entries:
            if entry.name == name and version in ("", entry.version):
                return entry
        known = ", ".join(f"{entry.name}/{entry.version}" for entry in self._entries)
        raise ModelNotFound(name, version, known)

    def ready(self, name: str, version: str) -> ReadyModel:
        """The model that answers. Raises ModelNotFound, ModelLoading, ModelFailed or Draining.

        Safe for threads, as all that only asks.
        """
        if self.draining.is_set():
            raise Draining
        if ready := self._ready.get((name, version)):
            return ready
        entry = self.find(name, version)
        if entry.state is State.FAILED:
            raise ModelFailed(entry.name, entry.version, entry.reason)
        raise ModelLoading(entry.name, entry.version)

    def _refuse(self, entry: Entry, reason: str) -> None:
        entry.state, entry.reason = State.FAILED, reason
        log.error("model %s/%s is refused: %s", entry.name, entry.version, reason)

    async def _load(self, entry: Entry) -> None:
        limits = self._settings
        try:
            model = await asyncio.to_thread(load_verified, entry.folder, warm_up_rows=limits.max_batch_rows)
        except BadModel as error:
            self._refuse(entry, str(error))
            return
        except Exception as error:  # whatever a broken model does, the server stays up and says so
            log.exception("model %s/%s", entry.name, entry.version)
            self._refuse(entry, f"it cannot be loaded ({type(error).__name__}); the log has more")
            return
        observations = Observations(model.manifest) if limits.metrics_port != NO_PORT else None
        batcher = self._batcher(model, observations)
        self._batchers += (batcher,)
        entry.state = State.READY
        entry.ready = ReadyModel(model.manifest, batcher, AsyncBatcher(batcher), observations)
        for name in {entry.name, "" if self.is_default(entry) else entry.name}:
            self._ready |= {(name, ""): entry.ready, (name, entry.version): entry.ready}
        log.info("model %s/%s is ready", entry.name, entry.version)

    def _batcher(self, model: VerifiedModel, observations: Observations | None) -> Batcher:
        limits = self._settings
        return Batcher(
            model.onnx.run,
            lanes=limits.intra_op_threads or usable_cpus(),
            max_batch_rows=limits.max_batch_rows,
            max_queue_rows=limits.max_queue_rows,
            max_queue_wait_s=limits.max_queue_wait_ms / 1000,
            max_queue_delay_s=limits.max_queue_delay_ms / 1000,
            observations=observations,
            spans=BatchSpans(model.manifest) if environment.active() else None,
        )
