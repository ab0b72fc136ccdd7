"""What is made of results: medians, the table of what was asked, and the files."""

from pathlib import Path

import msgspec
import pytest
from digitserve_bench.loads import PEAK, open_name
from digitserve_bench.measurement import Latencies
from digitserve_bench.medians import middle_client, middle_life, middle_measurement
from digitserve_bench.plot import write_plot
from digitserve_bench.python_client import ClientRun, Way
from digitserve_bench.reach import reach
from digitserve_bench.report import write_markdown
from digitserve_bench.results import Life, Results, read_json, write_json
from unit.benchmarks.samples import measurement, results

PNG = b"\x89PNG"


def verdicts(found: Results) -> dict[str, bool | None]:
    return {row.what: row.met for row in reach(found)}


def missed(found: Results) -> list[str]:
    return [what for what, met in verdicts(found).items() if met is False]


def with_measurement(changed: str, target: str, **seen: object) -> Results:
    """The results in which all is reached, but for one measurement."""
    before = results()
    measurements = [
        msgspec.structs.replace(each, seen=msgspec.structs.replace(each.seen, **seen))
        if (each.load, each.target) == (changed, target)
        else each
        for each in before.measurements
    ]
    return msgspec.structs.replace(before, measurements=measurements)


def test_the_median_of_three_rounds() -> None:
    rounds = [measurement("grpcio", "x", answered, errors={"HUNG": 1}) for answered in (100, 900, 200)]
    found = middle_measurement(rounds)
    assert found.calls_per_s == 100  # 200 in 2 s
    assert found.seen.errors == {"HUNG": 3}


def test_of_cpu_time_the_median_is_that_of_one_image() -> None:
    rounds = [measurement("grpcio", "x", answered) for answered in (100, 300, 200)]
    assert middle_measurement(rounds).server_us_per_image == pytest.approx(3.0 / 200 * 1e6)


def test_of_memory_the_most_counts() -> None:
    ways = Way(images_per_s=1.0, client_cpu_s=1.0)
    runs = [ClientRun(batch=ways, stream=ways, growth_mb=growth) for growth in (0.1, 3.0, 0.2)]
    lives = [Life(started_s=s, idle_mb=10 * s, loaded_mb=100 * s) for s in (1.0, 3.0, 2.0)]
    assert middle_client(runs).growth_mb == 3.0
    assert middle_life(lives) == Life(started_s=2.0, idle_mb=30.0, loaded_mb=300.0)


def test_all_that_was_asked_can_be_reached() -> None:
    found = verdicts(results())
    assert all(found.values())
    assert len(found) == len(reach(results()))  # no two rows of the same name


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    found = verdicts(results(soaks={}))
    assert [met for what, met in found.items() if "a million calls" in what] == [None, None]


@pytest.mark.parametrize(
    ("load", "target", "seen", "row"),
    [
        (PEAK.name, "native", {"answered": 40_000}, "64 in flight, native"),
        (PEAK.name, "native", {"latencies": Latencies(1, 2, 6.5, 7)}, "native, p99"),
        ("1 in flight", "grpcio", {"latencies": Latencies(1.4, 2, 3, 4)}, "p50 above grpc.aio echo"),
        (open_name(80), "native", {"latencies": Latencies(0.5, 2, 3, 4)}, "at 80 %"),
        (open_name(80), "grpcio", {"errors": {"UNAVAILABLE": 1}}, "at 80 %"),
        (open_name(300), "native", {"answered": 30_000}, "goodput"),
        (open_name(300), "native", {"errors": {"HUNG": 1}}, "native: errors"),
        (open_name(300), "grpcio", {"refusals": Latencies(1, 2, 9, 9)}, "refused within"),
        (open_name(300), "grpcio", {"recovery_s": 1.2}, "recovery"),
    ],
)
def test_what_is_missed_is_said(load: str, target: str, seen: dict[str, object], row: str) -> None:
    (found,) = missed(with_measurement(load, target, **seen))
    assert row in found


def test_a_wrong_answer_is_missed() -> None:
    assert missed(results(wrong=1)) == ["answers compared with onnxruntime's"]


def test_refusals_without_retry_info_are_missed() -> None:
    probes = {"grpcio": {"OK": 1, "RESOURCE_EXHAUSTED": 4}, "native": {"RETRY_INFO": 1}}
    (found,) = missed(results(probes=probes))
    assert "grpcio: refusals of a client's calls" in found


def test_a_server_that_refuses_nothing_shows_nothing_about_refusals() -> None:
    found = with_measurement(open_name(300), "native", errors={})
    probes = {"grpcio": {"RETRY_INFO": 1}, "native": {"OK": 9}}
    rows = verdicts(msgspec.structs.replace(found, probes=probes))
    assert [met for what, met in rows.items() if "native: refus" in what] == [None, None]


def test_json_gives_the_same_results_back(tmp_path: Path) -> None:
    file = write_json(results(), tmp_path)
    assert file.name == "2026-01-31-example-9000-2-cores.json"
    assert read_json(file) == results()


def test_the_report_holds_every_load_and_the_verdicts(tmp_path: Path) -> None:
    text = write_markdown(results(), tmp_path).read_text()
    for title in ("Floors", "### 64 in flight", "### 300 % of the peak", "The Python client", "## Reach"):
        assert title in text
    assert "| native | 24,000 | 24,000 | 0.69 | 2.40 | 1.00 | 2.00 | 3.00 | 4.00 | 0 |" in text
    assert "| 2 sessions, 1 thread each | 32 | 35,000 |" in text
    assert "**no**" not in text
    assert "**no**" in write_markdown(results(wrong=2), tmp_path).read_text()


def test_the_report_shows_the_plot_beside_it(tmp_path: Path) -> None:
    plot = write_plot(results(), tmp_path)
    assert plot.read_bytes().startswith(PNG)
    assert f"]({plot.name})" in write_markdown(results(), tmp_path).read_text()


def test_a_quick_run_says_so(tmp_path: Path) -> None:
    file = write_markdown(results(complete=False), tmp_path)
    assert file.stem.endswith("-quick")
    assert "a quick run" in file.read_text()


def test_one_transport_alone_is_enough(tmp_path: Path) -> None:
    whole = results()
    alone = msgspec.structs.replace(
        whole,
        measurements=[each for each in whole.measurements if "native" not in each.target],
        clients={"grpcio": whole.clients["grpcio"]},
        lives={"grpcio": whole.lives["grpcio"]},
    )
    assert write_plot(alone, tmp_path).exists()
    assert "native" not in write_markdown(alone, tmp_path).read_text()
    assert missed(alone) == []
