"""Malformed and random messages against every method, while our clients call."""

import re
from pathlib import Path

from disturbance import noise
from disturbance.crowd import Crowd
from disturbance.ledger import Note
from disturbance.messages import methods
from disturbance.plan import LONG, Plan
from disturbance.tally import Tally
from server_process import ServerProcess


def test_malformed_messages(repository: Path, transport: str, plan: Plan, note: Note) -> None:
    hostile = Tally()

    def disturb() -> None:
        nonlocal hostile
        hostile = noise.send(server.target, repository, plan.messages, derandomize=plan is not LONG)

    with ServerProcess(repository, "--workers", "1", "--transport", transport) as server:
        with Crowd(server.target, repository) as crowd:
            tallies = crowd.during(disturb)
        what = f"{hostile.ended:,} malformed messages to {len(methods())} methods"
        note(what, server, tallies, hostile=hostile)
        assert server.stop() == 0
    assert hostile.ended >= plan.messages
    assert not re.findall(".*Traceback.*", server.log)
