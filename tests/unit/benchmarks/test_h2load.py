"""What h2load's words amount to."""

import pytest
from digitserve_bench import h2load

SAID = """
finished in 2.00s, 2346.00 req/s, 288.23KB/s
requests: 4 total, 5 started, 4 done, 4 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 4 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 576.47KB (590304) total, 14.33KB (14676) headers (space savings 96.14%), 210B ({data}) data
"""
LOG = "1795269447756896\t200\t1000\n1795269447756897\t200\t2000\n1795269447756898\t200\t3000\n" * 2


def test_all_answered() -> None:
    load = h2load.read(SAID.format(data=6 * 70), LOG, seconds=2, answer_bytes=70, generator_cpu_s=0.5)
    assert load.answered == 6
    assert load.errors == {}
    assert load.latencies.p50_ms == pytest.approx(2)
    assert load.generator_cpu_s == 0.5


def test_a_call_without_an_answer_is_an_error() -> None:
    load = h2load.read(SAID.format(data=4 * 70), LOG, seconds=2, answer_bytes=70, generator_cpu_s=0)
    assert load.answered == 4
    assert load.errors == {h2load.NO_ANSWER: 2}


def test_an_answer_whose_call_was_cut_off_by_the_end_does_not_count() -> None:
    load = h2load.read(SAID.format(data=7 * 70), LOG, seconds=2, answer_bytes=70, generator_cpu_s=0)
    assert load.answered == 6


def test_http_errors() -> None:
    log = LOG + "1795269447756899\t503\t10\n1795269447756899\t-1\t10\n"
    load = h2load.read(SAID.format(data=6 * 70), log, seconds=2, answer_bytes=70, generator_cpu_s=0)
    assert load.errors == {"HTTP_503": 1, "HTTP_-1": 1}
    assert load.answered == 6


def test_nothing_at_all() -> None:
    load = h2load.read("", "", seconds=2, answer_bytes=70, generator_cpu_s=0)
    assert load.answered == 0
    assert load.errors == {}
