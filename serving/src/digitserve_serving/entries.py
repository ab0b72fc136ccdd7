"""Model versions: where they stand in their life, and what answers when they are ready."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from digitserve_serving.awaiting import AsyncBatcher
from digitserve_serving.batcher import Batcher
from digitserve_serving.manifest import Manifest
from digitserve_serving.metrics.observations import Observations
from digitserve_serving.repository import VersionFolder
from digitserve_serving.runtime import Images, Probabilities


class State(Enum):
    """Where a model version stands in its life."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    UNLOADED = "unloaded"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ReadyModel:
    """A model version that answers. The calls under way hold it, and it is freed when none of them does."""

    manifest: Manifest
    run: Callable[[Images], Probabilities]
    batcher: Batcher
    async_batcher: AsyncBatcher
    observations: Observations | None  # where there are metrics to be served


@dataclass(slots=True, eq=False)
class Entry:
    """One model version and its state."""

    folder: VersionFolder
    state: State = State.UNLOADED
    reason: str = ""
    ready: ReadyModel | None = None
    labels: tuple[str, ...] = ()
    settled: bool = False  # its files are as they were at the look before
    tried: tuple[int, ...] | None = None  # the stamp with which it was loaded, or failed

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.folder.name

    @property
    def version(self) -> str:
        """Version of the model."""
        return self.folder.version

    def set_state(self, state: State, reason: str = "", ready: ReadyModel | None = None) -> None:
        """Where it stands from now on."""
        self.ready, self.reason, self.state = ready, reason, state
