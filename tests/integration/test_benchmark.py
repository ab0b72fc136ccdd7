"""`make bench` on the tiny model, as small as it gets."""

import pytest
from digitserve_bench.loads import CLOSED, SINGLES, open_name
from digitserve_bench.plan import LOAD_PERCENT, Plan
from digitserve_bench.results import Results
from digitserve_bench.rounds import measure
from digitserve_bench.targets import ECHO, servers, transports
from tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    models = tmp_path_factory.mktemp("bench") / "models"
    write_tiny_model(models)
    plan = Plan(
        repetitions=1,
        closed_s=0.1,
        open_s=0.2,
        calm_s=0.2,
        floor_s=0.01,
        images=3000,
        checked=40,
        models=models,
    )
    said: list[str] = []
    found = measure(plan, said.append)
    assert said
    return found


def test_every_load_is_measured_on_every_target(results: Results) -> None:
    measured = {(each.target, each.load) for each in results.measurements}
    loads = [each.name for each in CLOSED] + [open_name(percent) for percent in LOAD_PERCENT]
    wanted = {(server, load) for server in servers() for load in loads}
    wanted |= {(ECHO + transport, load.name) for transport in transports() for load in SINGLES}
    wanted |= {(ECHO + transport, open_name(n)) for transport in transports() for n in (80, 300)}
    assert measured == wanted
    # Of an overload all may be refused, and a busy machine may miss a load as short as these.
    calm = {each.name for each in CLOSED}
    answering = {each.target for each in results.measurements if each.load in calm and each.seen.answered}
    assert answering == {target for target, load in wanted if load in calm}


def test_every_answer_is_right(results: Results) -> None:
    assert results.compared == 3 * 40 * len(servers())
    assert results.wrong == 0


def test_costs_are_known(results: Results) -> None:
    assert all(each.rss_mb > 10 for each in results.measurements)
    assert all(each.seen.generator_cpu_s > 0 for each in results.measurements)
    assert all(life.started_s > 0 and life.idle_mb > 10 for life in results.lives.values())
