"""The models of a running server: which there are, which are ready, who answers a request."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from digitserve_serving.batcher import Batcher
from digitserve_serving.control import Control
from digitserve_serving.entries import Entry, ReadyModel, State
from digitserve_serving.errors import Draining, ModelFailed, ModelLoading, ModelNotLoaded
from digitserve_serving.keeper import Keeper
from digitserve_serving.loading import Loader
from digitserve_serving.metrics.call_counts import CallCounts
from digitserve_serving.metrics.observations import Observations
from digitserve_serving.settings import Settings
from digitserve_serving.shadow import Shadow

__all__ = ["Entry", "Models", "ReadyModel", "State"]

log = logging.getLogger(__name__)


class Models:
    """The models of a repository, each version behind a batcher of its own."""

    def __init__(self, settings: Settings) -> None:
        """Finds the models, loads none. Raises FileNotFoundError when the default is not among them."""
        self._poll_s = settings.repository_poll_s
        self.shadow = (
            Shadow(settings.shadowing, self._shadow_model, self._is_busy) if settings.shadowing else None
        )
        self._loader = Loader(settings, self.shadow)
        self._keeper = Keeper(settings, self._loader)
        self.control = Control(settings, self._keeper)
        self.complete = self._keeper.complete
        self.calls = CallCounts()  # of all that were asked of this server
        self.draining = asyncio.Event()

    async def load(self) -> bool:
        """Loads what is wanted of every model. False when one of them has no version that answers."""
        if self.shadow:
            self.shadow.start()
        async with self._keeper.lock:
            await self._keeper.settle_all(force=True)
        for entry in self.list():
            if entry.reason and self.is_default_version(entry) and entry.state is State.UNLOADED:
                log.warning("model %s is not loaded: %s", entry.name, entry.reason)
        return self.complete.is_set()

    async def watch(self) -> None:
        """Has the models follow the repository, until it is cancelled; not at all when that is off."""
        while self._poll_s:
            await asyncio.sleep(self._poll_s)
            try:
                async with self._keeper.lock:
                    await self._keeper.look()
                    await self._keeper.settle_all()
            except Exception:  # whatever it is, what is served stays, and there is a next time
                log.exception("the repository was not followed")

    async def close(self) -> None:
        """Finishes the batches under way and frees the threads."""
        if self.shadow:
            await asyncio.to_thread(self.shadow.close)
        await self._loader.close()

    def batchers(self) -> Sequence[Batcher]:
        """What computes, of every model that is ready, or still has calls to finish."""
        return self._loader.batchers

    def observations(self) -> Iterable[Observations]:
        """What was counted, of every version that has ever answered here, where there are metrics."""
        return self._loader.observations.values()

    @property
    def failed_looks(self) -> int:
        """How often something in the repository could not be read."""
        return self._keeper.failed_looks

    def list(self) -> list[Entry]:
        """Every model version, by name and then version."""
        return list(self._keeper.table.entries)

    def is_default(self, entry: Entry) -> bool:
        """Whether this is what answers a request that names no model."""
        return self._keeper.table.addresses.get(("", "")) is entry

    def is_default_version(self, entry: Entry) -> bool:
        """Whether this is what answers a request that names the model and no version."""
        return self._keeper.table.addresses.get((entry.name, "")) is entry

    def find(self, name: str, version: str) -> Entry:
        """The version asked for, by number or label; "" is the default. Raises ModelNotFound."""
        return self._keeper.find(name, version)

    def ready(self, name: str, version: str) -> ReadyModel:
        """The model that answers. Safe for threads, as all that only asks.

        Raises ModelNotFound, ModelNotLoaded, ModelLoading, ModelFailed or Draining.
        """
        if self.draining.is_set():
            raise Draining
        if ready := self._keeper.table.ready.get((name, version)):
            return ready
        entry = self.find(name, version)
        if entry.state is State.FAILED:
            raise ModelFailed(entry.name, entry.version, entry.reason)
        if entry.state is State.UNLOADED:
            raise ModelNotLoaded(entry.name, entry.version, entry.reason)
        raise ModelLoading(entry.name, entry.version)

    def _shadow_model(self, name: str, version: str) -> ReadyModel | None:
        return self._keeper.table.ready.get((name, version))

    def _is_busy(self) -> bool:
        return any(batcher.queued_rows for batcher in self._loader.batchers)
