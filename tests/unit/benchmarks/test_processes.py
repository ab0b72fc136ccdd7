"""What processes cost, and that they end."""

import subprocess
import sys

import pytest
from digitserve_bench.processes import child, cpu_s, family, largest_rss_mb, machine_cpu_s

PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
BUSY = "print('ready', flush=True); [i for i in range(3_000_000)]; print('done', flush=True); input()"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_has_ended_after_its_block() -> None:
    with child(python("print('up', flush=True); import time; time.sleep(60)")) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
    assert process.returncode is not None


def test_a_child_ends_even_if_the_block_fails() -> None:
    with pytest.raises(RuntimeError), child(python("import time; time.sleep(60)")) as process:
        raise RuntimeError
    assert process.returncode is not None


def test_a_family_is_a_process_and_all_below_it() -> None:
    grandchild = "print('up', flush=True); input()"
    command = python(PARENT.format(child=grandchild))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        members = family(process.pid)
        process.communicate("\n")
    assert members[0] == process.pid
    assert len(members) == 2
    assert family(process.pid) == []


def test_cpu_time_is_that_of_the_family() -> None:
    command = python(PARENT.format(child=BUSY))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        before_s, machine_s = cpu_s(process.pid), machine_cpu_s()
        process.stdout.readline()
        assert cpu_s(process.pid) > before_s
        assert machine_cpu_s() > machine_s
        process.communicate("\n")
    assert cpu_s(process.pid) == 0


def test_memory_is_that_of_the_largest_process() -> None:
    """The parent has little, its child 50 MB more; what this process holds does not count."""
    command = python(PARENT.format(child="ballast = b'x' * 50_000_000; print('up', flush=True); input()"))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        largest_mb = largest_rss_mb(process.pid)
        process.communicate("\n")
    assert 50 < largest_mb < 90
