"""A process that calls a server with our client, without a pause, and tells what became of its calls.

    python -m disturbance.caller sync|asyncio TARGET REPOSITORY

For each number N on stdin each of its callers makes N more calls; then it writes the tally since the last
time, as a line of JSON. It is killed in the end.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
from digitserve_client import AsyncDigitClient, DigitClient
from digitserve_client.errors import CallError

from disturbance.golden import Golden, golden
from disturbance.tally import Tally

CALLERS = 4  # in each process
BATCH_EVERY = 8  # calls is one with all images
TIMEOUT_S = 30.0  # longer than any disturbance lasts


class Journal:
    """Counts what became of calls, for several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tally = Tally()
        self._ended = [0] * CALLERS

    def note(
        self, caller: int, started: float, *, right: bool = False, error: CallError | None = None
    ) -> None:
        """A caller's call has ended that was begun at `started`, of the monotonic clock."""
        with self._changed:
            self._tally.longest_s = max(self._tally.longest_s, time.monotonic() - started)
            if error:
                self._tally.fails(error.code)
            elif right:
                self._tally.answered += 1
            else:
                self._tally.wrong += 1
            self._ended[caller] += 1
            self._changed.notify_all()

    def take(self, more: int) -> Tally:
        """The tally since the last time, when `more` more calls of each caller have ended."""
        with self._changed:
            enough = [ended + more for ended in self._ended]
            self._changed.wait_for(lambda: all(map(int.__ge__, self._ended, enough)))
            taken, self._tally = self._tally, Tally()
        return taken


def call_in_threads(target: str, asked: Golden, journal: Journal) -> None:
    """Starts threads that share a DigitClient."""
    client = DigitClient(target, timeout_s=TIMEOUT_S)

    def keep_calling(caller: int) -> None:
        for number in range(sys.maxsize):
            started = time.monotonic()
            try:
                right = _one(number) if number % BATCH_EVERY else _all()
                journal.note(caller, started, right=right)
            except CallError as error:
                journal.note(caller, started, error=error)

    def _one(number: int) -> bool:
        at = number % len(asked.images)
        return client.classify(asked.images[at]).digit == asked.digits[at]

    def _all() -> bool:
        return [answer.digit for answer in client.classify_batch(asked.images)] == asked.digits

    for caller in range(CALLERS):
        threading.Thread(target=keep_calling, args=(caller,), daemon=True).start()


def call_in_tasks(target: str, asked: Golden, journal: Journal) -> None:
    """Starts a thread whose event loop has tasks that share an AsyncDigitClient."""

    async def keep_calling(client: AsyncDigitClient, caller: int) -> None:
        for number in range(sys.maxsize):
            started = time.monotonic()
            try:
                right = await (_one(client, number) if number % BATCH_EVERY else _all(client))
                journal.note(caller, started, right=right)
            except CallError as error:
                journal.note(caller, started, error=error)

    async def _one(client: AsyncDigitClient, number: int) -> bool:
        at = number % len(asked.images)
        return (await client.classify(asked.images[at])).digit == asked.digits[at]

    async def _all(client: AsyncDigitClient) -> bool:
        return [answer.digit for answer in await client.classify_batch(asked.images)] == asked.digits

    async def live() -> None:
        async with AsyncDigitClient(target, timeout_s=TIMEOUT_S) as client:
            await asyncio.gather(*(keep_calling(client, caller) for caller in range(CALLERS)))

    life: Coroutine[Any, Any, None] = live()
    threading.Thread(target=asyncio.run, args=(life,), daemon=True).start()


def main() -> None:
    """Calls until stdin ends."""
    kind, target, repository = sys.argv[1:]
    journal = Journal()
    start = call_in_threads if kind == "sync" else call_in_tasks
    start(target, golden(Path(repository)), journal)
    for line in sys.stdin:
        sys.stdout.write(msgspec.json.encode(journal.take(int(line))).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
