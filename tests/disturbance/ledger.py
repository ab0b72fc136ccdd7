"""What was done in each case and what became of it: for the report."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from digitserve_bench.machine import Machine, this_machine
from digitserve_client import DigitClient, Health
from server_process import ServerProcess

from disturbance.crowd import Tallies
from disturbance.golden import golden
from disturbance.tally import Tally

PATIENCE_S = 10.0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case.

    what: was done. transport, processes: of the server. crowd: what became of our clients' calls meanwhile.
    hostile: of the calls, messages or connections that the case consists of, where it does. figures:
    what else was measured, by name, with units.
    """

    what: str
    transport: str
    processes: int
    crowd: Tallies
    hostile: Tally | None = None
    figures: dict[str, float | str] = {}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """All cases of a run."""

    date: str
    machine: Machine
    model: str
    cases: list[Case]


@dataclass
class Ledger:
    """The cases so far."""

    cases: list[Case] = field(default_factory=list)

    def run(self, date: str, model: str) -> Run:
        """All of them."""
        return Run(date=date, machine=this_machine(), model=model, cases=self.cases)


@dataclass(frozen=True)
class Note:
    """Notes cases of servers with this transport and repository."""

    ledger: Ledger
    transport: str
    repository: Path

    def __call__(
        self,
        what: str,
        server: ServerProcess,
        crowd: Tallies,
        *,
        processes: int = 1,
        hostile: Tally | None = None,
        may_fail: Collection[str] = (),
        **figures: float | str,
    ) -> None:
        """Notes a case in which no call of ours was lost, and after which the server answers right.

        Calls may have failed with the codes in `may_fail`.
        """
        for kind, tally in crowd.items():
            assert tally.answered, kind
            assert set(tally.failed) <= set(may_fail), (kind, tally)
            assert not tally.wrong, (kind, tally)
        check_well(server.target, self.repository)
        case = Case(
            what=what,
            transport=self.transport,
            processes=processes,
            crowd=crowd,
            hostile=hostile,
            figures=figures,
        )
        self.ledger.cases.append(case)


def check_well(target: str, repository: Path) -> None:
    """The server serves, and reads every golden sample right, alone and in a batch."""
    asked = golden(repository)
    with DigitClient(target, timeout_s=PATIENCE_S) as client:
        answers = client.classify_batch(asked.images)
        assert [answer.digit for answer in answers] == asked.digits
        assert [client.classify(image).digit for image in asked.images] == asked.digits
        assert client.health() is Health.SERVING
