"""Malformed and random messages against every method, while our clients call."""

import asyncio
import re
from pathlib import Path

from disturbance import noise
from disturbance.crowd import Crowd
from disturbance.ledger import Note
from disturbance.plan import Plan
from disturbance.tally import Tally
from server_process import ServerProcess


def test_malformed_messages(repository: Path, transport: str, plan: Plan, note: Note) -> None:
    hostile = Tally()

    def disturb() -> None:
        nonlocal hostile
        hostile = asyncio.run(noise.send(server.target, plan.messages))

    with ServerProcess(repository, "--workers", "1", "--transport", transport) as server:
        with Crowd(server.target, repository) as crowd:
            tallies = crowd.during(disturb)
        assert set(hostile.failed) <= noise.EXPECTED, hostile
        what = f"{plan.messages:,} malformed messages to {len(noise.methods())} methods"
        note(what, server, tallies, hostile=hostile)
        assert server.stop() == 0
    assert not re.findall(".*Traceback.*", server.log)
