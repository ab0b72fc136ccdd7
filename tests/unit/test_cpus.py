"""The cores that may be used, as the server and the client count them, each by itself."""

from collections.abc import Callable
from pathlib import Path

import pytest
from digitserve_client import cpus as client
from digitserve_serving import cpus as serving

Count = Callable[[Path], int]


@pytest.fixture(params=[client.usable_cpus, serving.usable_cpus], ids=["client", "serving"])
def usable_cpus(request: pytest.FixtureRequest) -> Count:
    count: Count = request.param
    return count


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("limit", "usable"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("20000 100000", 1),
        ("1600000 100000", 8),
    ],
)
def test_the_quota_of_cgroup_2_counts(usable_cpus: Count, tmp_path: Path, limit: str, usable: int) -> None:
    (tmp_path / "cpu.max").write_text(limit + "\n")
    assert usable_cpus(tmp_path) == usable


@pytest.mark.parametrize(("quota", "usable"), [("-1", 8), ("300000", 3)])
def test_the_quota_of_cgroup_1_counts(usable_cpus: Count, tmp_path: Path, quota: str, usable: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000")
    assert usable_cpus(tmp_path) == usable


def test_without_cgroups_affinity_counts(usable_cpus: Count, tmp_path: Path) -> None:
    assert usable_cpus(tmp_path / "nothing") == 8
