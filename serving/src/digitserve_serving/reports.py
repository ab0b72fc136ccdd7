"""The metrics of a supervisor's workers, added up: also of those that have ended."""

import asyncio
import logging
from asyncio import StreamWriter

import msgspec

from digitserve_serving.metrics import families
from digitserve_serving.metrics.families import Snapshot, decoded, lasting, merged

PATIENCE_S = 2.0  # with a worker that does not answer: then its counters stay where they were

log = logging.getLogger(__name__)


class Reports:
    """Asks the workers for their metrics, over their stdin and stdout. For one event loop.

    Counters of workers that have ended stay in the sum: a smaller one would be taken for a restart of all.
    What a worker that was killed has done since it was last asked is lost.
    """

    def __init__(self) -> None:
        self._ended: Snapshot = {}
        self._last: dict[int, Snapshot] = {}
        self._stdin: dict[int, StreamWriter] = {}
        self._asked: dict[int, asyncio.Future[Snapshot]] = {}
        self._restarts = 0

    def serves(self, number: int, stdin: StreamWriter) -> None:
        """A worker can be asked from now on."""
        self._stdin[number] = stdin

    def tells(self, number: int, line: bytes) -> None:
        """A worker has reported, because it was asked, or as it ends."""
        try:
            self._last[number] = decoded(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # whatever else a library writes to stdout
            log.warning("worker %d wrote a line that is no report", number)
            return
        if asked := self._asked.pop(number, None):
            asked.set_result(self._last[number])

    def ends(self, number: int) -> None:
        """A worker has ended."""
        self._stdin.pop(number, None)
        self._ended = merged(self._ended, lasting(self._last.pop(number, {})))
        if asked := self._asked.pop(number, None):
            asked.cancel()

    def starts_again(self) -> None:
        """A worker is started in place of one that has ended."""
        self._restarts += 1

    async def snapshot(self) -> Snapshot:
        """All that the workers have done, and how they stand now."""
        asked = {number: self._ask(number) for number in self._stdin}
        if asked:
            await asyncio.wait(asked.values(), timeout=PATIENCE_S)
        answered = {number for number, answer in asked.items() if answer.done()}
        # Each once, also who has ended since, or is being asked again by another reader.
        running = [last if number in answered else lasting(last) for number, last in self._last.items()]
        # None have reported, when all of them hang: a metric that is missing would alert nobody.
        own: Snapshot = {
            (families.PROCESSES.name, ()): [0.0],
            (families.RESTARTS.name, ()): [float(self._restarts)],
        }
        return merged(self._ended, own, *running)

    def _ask(self, number: int) -> asyncio.Future[Snapshot]:
        """The answer of a worker to the question that it has before it."""
        if number not in self._asked:
            self._asked[number] = asyncio.get_running_loop().create_future()
            self._stdin[number].write(b"\n")
        return self._asked[number]
