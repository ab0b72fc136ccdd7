"""Several processes on one port: starts them, watches them, starts them anew, drains them.

Each is a whole server, with models of its own; the kernel spreads the connections among them. A worker
takes the port only once it is ready: so whoever answers there serves, and the health of one is that of the
whole. No model is loaded here, and no call is seen.
"""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import replace

from digitserve_serving.access.rates import shared_levels
from digitserve_serving.metrics.endpoint import metrics_endpoint
from digitserve_serving.metrics.families import Snapshot
from digitserve_serving.reports import Reports
from digitserve_serving.reservation import reserved
from digitserve_serving.settings import Settings
from digitserve_serving.stopping import longest_stop_s

FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 30.0
STEADY_S = 60.0
LONGEST_LINE_BYTES = 2**24  # of what a worker reports
WELL_ENDED = (0, -signal.SIGTERM)  # the latter before it could listen to signals

log = logging.getLogger(__name__)


class WorkersFailed(Exception):
    """Workers that could not start, or did not end well; their own lines in the log say why."""


class Backoff:
    """How long to wait before the next start: twice as long each time, unless the last one was fine."""

    def __init__(self) -> None:
        self._next_s = FIRST_DELAY_S

    def delay_s(self, *, fine: bool) -> float:
        """Seconds to wait after a worker that was fine, or was not: at most LONGEST_DELAY_S."""
        if fine:
            self._next_s = FIRST_DELAY_S
        delay_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_DELAY_S)
        return delay_s


async def supervise(
    settings: Settings,
    workers: int,
    on_listening: Callable[[int], None],
    stop: asyncio.Queue[None],
) -> None:
    """Keeps `workers` processes serving until something is put into `stop`, then drains them.

    A second thing cuts that short. `on_listening` gets the port once all of them serve. Raises
    TransportError, and WorkersFailed when one ends before that, or ends badly at the end.
    """
    with reserved(settings.host, settings.port) as port, shared_levels() as levels:
        command = [*_command(replace(settings, port=port, workers=1)), f"--levels={levels}"]
        supervisor = Supervisor(command, workers, lambda: on_listening(port), stop, inherited=(levels,))
        loop = asyncio.get_running_loop()

        def snapshot() -> Snapshot:
            return asyncio.run_coroutine_threadsafe(supervisor.reports.snapshot(), loop).result()

        async with metrics_endpoint(settings, snapshot):
            await supervisor.run(longest_stop_s(settings))


def _command(settings: Settings) -> list[str]:
    """The command of a worker, with every setting as a flag, so that its environment changes none."""
    return [sys.executable, "-m", "digitserve_serving.worker", *settings.flags()]


class Supervisor:
    """Keeps `workers` processes running: `command` and `--number=N`.

    A worker writes a line when it serves, and others that `reports` reads; it ends when its stdin does.
    `on_serving` is called once all of them have served.
    """

    def __init__(
        self,
        command: Sequence[str],
        workers: int,
        on_serving: Callable[[], None],
        stop: asyncio.Queue[None],
        *,
        inherited: Sequence[int] = (),
    ) -> None:
        """`inherited` are the descriptors that workers get."""
        self._command = command
        self._inherited = inherited
        self._workers = workers
        self._on_serving = on_serving
        self._stop = stop
        self.reports = Reports()
        self._running: dict[int, Process] = {}
        self._not_served_yet = set(range(1, workers + 1))
        self._stopping = asyncio.Event()
        self._failures: list[str] = []

    async def run(self, longest_stop_s: float) -> None:
        """Returns when it has been told to stop and all have ended; raises WorkersFailed."""
        keepers = [asyncio.create_task(self._keep(number)) for number in range(1, self._workers + 1)]
        await self._stop.get()
        log.info("stopping: draining the workers")
        self._stopping.set()
        self._signal_all(signal.SIGTERM)
        await self._end(keepers, longest_stop_s)
        if self._failures:
            raise WorkersFailed("; ".join(self._failures))
        log.info("stopped")

    async def _end(self, keepers: Sequence[asyncio.Task[None]], longest_s: float) -> None:
        """Waits for the workers; not for ever, and less long when told so again."""
        impatient = asyncio.create_task(self._stop.get())
        all_ended = asyncio.create_task(asyncio.wait(keepers))  # one that has failed cuts no other short
        await asyncio.wait((all_ended, impatient), timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
        if impatient.done():
            self._signal_all(signal.SIGTERM)
            await asyncio.wait({all_ended}, timeout=longest_s)
        impatient.cancel()
        self._signal_all(signal.SIGKILL)
        await all_ended
        for keeper in keepers:
            keeper.result()

    async def _keep(self, number: int) -> None:
        """Has one worker run until the end of all, however often it ends before."""
        backoff = Backoff()
        while not self._stopping.is_set():
            fine, ending = await self._run(number)
            if self._stopping.is_set():
                return
            if self._not_served_yet:
                self._fail(f"worker {number} {ending} before all of them had started")
                return
            self.reports.starts_again()
            delay_s = backoff.delay_s(fine=fine)
            log.error("worker %d %s; it is started again in %.1f s", number, ending, delay_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)

    async def _run(self, number: int) -> tuple[bool, str]:
        """Runs a worker to its end; whether it was fine, and how it ended.

        Fine is one that has held for STEADY_S seconds, or has served and then ended as it was told to.
        """
        try:
            # A group of its own: Ctrl+C is for the supervisor to pass on.
            process = await asyncio.create_subprocess_exec(
                *self._command,
                f"--number={number}",
                stdin=PIPE,
                stdout=PIPE,
                process_group=0,
                pass_fds=self._inherited,
                limit=LONGEST_LINE_BYTES,
            )
        except OSError as error:
            return False, f"could not be started ({error})"
        self._running[number] = process
        if self._stopping.is_set():
            process.terminate()
        served_s = await self._watch(number, process)
        code = await process.wait()
        del self._running[number]
        self.reports.ends(number)
        if self._stopping.is_set() and code not in WELL_ENDED:
            self._failures.append(f"worker {number} ended with exit code {code}")
        fine = served_s >= STEADY_S or (served_s > 0 and code in WELL_ENDED)
        return fine, f"(process {process.pid}) ended with exit code {code}"

    async def _watch(self, number: int, process: Process) -> float:
        """Waits until a worker has said all it has to say; for how many seconds it has served."""
        try:
            return await self._listen(number, process)
        except Exception:  # whatever it is, this one is started again, and the others go on
            log.exception("worker %d cannot be listened to, and is killed", number)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return 0.0

    async def _listen(self, number: int, process: Process) -> float:
        """The same. Raises what noting it raises, such as an OSError of the supervisor's own stdout."""
        assert process.stdin  # noqa: S101  # they are pipes
        assert process.stdout  # noqa: S101
        if not await process.stdout.readline():
            return 0.0
        started = time.monotonic()
        log.info("worker %d (process %d) serves", number, process.pid)
        self._note_serving(number)
        self.reports.serves(number, process.stdin)
        while line := await _next_line(process.stdout):
            self.reports.tells(number, line)
        return time.monotonic() - started

    def _note_serving(self, number: int) -> None:
        if self._not_served_yet:
            self._not_served_yet.discard(number)
            if not self._not_served_yet:
                self._on_serving()

    def _fail(self, why: str) -> None:
        self._failures.append(why)
        self._stop.put_nowait(None)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)


async def _next_line(stdout: asyncio.StreamReader) -> bytes:
    """A line; b"" at the end, and an empty line in place of what is too long for a report."""
    try:
        return await stdout.readline()
    except ValueError:
        return b"\n"
