"""Makes models that answer out of what lies in the repository, and ends them when nobody needs them."""

import asyncio
import contextlib
import logging
import weakref

from digitserve_serving.awaiting import AsyncBatcher
from digitserve_serving.batcher import Batcher, Mirror
from digitserve_serving.cpus import usable_cpus
from digitserve_serving.entries import ReadyModel
from digitserve_serving.manifest import Manifest
from digitserve_serving.metrics.observations import Observations
from digitserve_serving.repository import VerifiedModel, VersionFolder, load_verified
from digitserve_serving.settings import NO_PORT, Settings
from digitserve_serving.shadow import Shadow
from digitserve_serving.tracing import environment
from digitserve_serving.tracing.requests import BatchSpans

log = logging.getLogger(__name__)


class Loader:
    """Loads versions, each behind a batcher of its own. For one event loop."""

    def __init__(self, settings: Settings, shadow: Shadow | None) -> None:
        self._settings = settings
        self._shadow = shadow
        self.batchers: tuple[Batcher, ...] = ()  # of all models that still have calls, replaced as a whole
        self.observations: dict[tuple[str, str], Observations] = {}  # of all versions that ever answered
        self._retiring: set[asyncio.Task[None]] = set()

    async def load(self, folder: VersionFolder) -> ReadyModel:
        """Reads, verifies, warms up and tests a version. Raises what `load_verified` raises."""
        rows = self._settings.max_batch_rows
        model = await asyncio.to_thread(load_verified, folder, warm_up_rows=rows)
        observations = self._observations(model.manifest)
        batcher = self._batcher(model, observations)
        self.batchers += (batcher,)
        return ReadyModel(model.manifest, model.onnx.run, batcher, AsyncBatcher(batcher), observations)

    def retire(self, model: ReadyModel) -> None:
        """Ends a model that gets no new calls, once those that hold it have been answered.

        Not earlier: a call that has just looked it up may not have reached its batcher yet.
        """
        unused, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell() -> None:  # on the thread that let go of it last
            with contextlib.suppress(RuntimeError):  # the loop has ended before
                loop.call_soon_threadsafe(unused.set)

        weakref.finalize(model, tell).atexit = False
        about = f"{model.manifest.name}/{model.manifest.version}"
        task = asyncio.create_task(self._end(about, model.batcher, unused))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Finishes the batches under way and frees the threads."""
        for task in self._retiring:
            task.cancel()
        for batcher in self.batchers:
            await asyncio.to_thread(batcher.close)

    async def _end(self, about: str, batcher: Batcher, unused: asyncio.Event) -> None:
        await unused.wait()
        self.batchers = tuple(other for other in self.batchers if other is not batcher)
        await asyncio.to_thread(batcher.close)
        log.info("model %s is unloaded", about)

    def _observations(self, manifest: Manifest) -> Observations | None:
        """What counts for a version: goes on where it was when the same version has been loaded before."""
        if self._settings.metrics_port == NO_PORT:
            return None
        key = (manifest.name, manifest.version)
        known = self.observations.get(key)
        if known is None or known.manifest != manifest:
            known = Observations(manifest)
            self.observations = {**self.observations, key: known}
        return known

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
            mirror=self._mirror(model.manifest),
        )

    def _mirror(self, manifest: Manifest) -> Mirror | None:
        return self._shadow.mirror_of(manifest) if self._shadow else None
