"""Servers that are disturbed: a little in the suite, and at length by

    pytest tests/chaos --long [--report docs/chaos]

which writes what was measured as .json and, if no test failed, as a page, .md.
"""

import datetime
import shutil
from pathlib import Path

import pytest
from bundled import MODELS
from digitserve_bench.payloads import model_folder
from digitserve_serving.settings import TRANSPORTS
from disturbance.ledger import Ledger, Note
from disturbance.noise import EXPECTED
from disturbance.plan import LONG, SHORT, Plan
from disturbance.report import write_figures, write_page
from tiny_model import write_tiny_model

LEDGER = pytest.StashKey[Ledger]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos")
    group.addoption("--long", action="store_true", help="disturb the bundled model's server at length")
    group.addoption("--report", type=Path, help="write what was measured as .json and .md")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEDGER] = Ledger()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    report = session.config.getoption("--report", None)
    if report:
        model = "/".join(model_folder(MODELS).parts[-2:])
        run = session.config.stash[LEDGER].run(f"{datetime.date.today():%d %B %Y}", model)
        write_figures(run, report)
        if exitstatus == pytest.ExitCode.OK:
            write_page(run, report, ", ".join(sorted(EXPECTED)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each transport in turn; in a short run those that the test's module names."""
    if "transport" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--long", False)
        short = getattr(metafunc.module, "SHORT", TRANSPORTS)
        metafunc.parametrize("transport", TRANSPORTS if is_long else short)


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    """How much is done."""
    return LONG if request.config.getoption("--long", False) else SHORT


@pytest.fixture
def repository(plan: Plan, tmp_path: Path) -> Path:
    """A repository of one version: the bundled model, or in short runs the tiny one."""
    repository = tmp_path / "models"
    if plan is LONG:
        newest = model_folder(MODELS)
        shutil.copytree(newest, repository / "digits" / newest.name)
    else:
        write_tiny_model(repository)
    return repository


@pytest.fixture
def note(request: pytest.FixtureRequest, transport: str, repository: Path) -> Note:
    """Notes a case for the report."""
    return Note(request.config.stash[LEDGER], transport, repository)
