"""The port that Prometheus reads."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from digitserve_serving.metrics.families import Snapshot, exposed
from digitserve_serving.settings import NO_PORT, Settings
from digitserve_serving.transport import TransportError, address_of

log = logging.getLogger(__name__)


class _Collector(Collector):
    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        return exposed(self._snapshot())

    def describe(self) -> list[Metric]:
        """Nothing: else registering would take a snapshot, of what is not there yet."""
        return []


@asynccontextmanager
async def metrics_endpoint(settings: Settings, snapshot: Callable[[], Snapshot]) -> AsyncIterator[None]:
    """Serves metrics while the block runs, if there is to be a port for them.

    `snapshot` is called by a thread of its own at each reading. Raises TransportError.
    """
    if settings.metrics_port == NO_PORT:
        yield
        return
    registry = CollectorRegistry()
    registry.register(_Collector(snapshot))
    try:
        host = settings.metrics_host.strip("[]")
        server, thread = start_http_server(settings.metrics_port, host, registry)
    except OSError as error:
        address = address_of(settings.metrics_host, settings.metrics_port)
        raise TransportError(
            f"cannot serve metrics on {address}: is it taken, or not an address of this machine?"
            " (--metrics-host, --metrics-port)"
        ) from error
    try:
        log.info("metrics on http://%s/metrics", address_of(settings.metrics_host, server.server_port))
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()
