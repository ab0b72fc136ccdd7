"""What the dashboard and rules under deploy/ ask for is exported, and the rules do what they say."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from digitserve.v1 import digit_service_pb2_grpc as digits_grpc
from scrape import METRICS, Scrape, scrape
from server_process import ServerProcess
from tiny_model import image_of
from wire import batch, one

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "digitserve.json"
RULES = DEPLOY / "prometheus" / "rules.yml"
OF_PROMETHEUS = {"job", "instance"}
RECORDED = r"digitserve:[\w:]+"
USUAL = {
    "images": 100,
    "predictions": [0.1] * 10,
    "confidence": {"edges": [0.9], "shares": [0.1, 0.9]},
    "ink_density": {"edges": [0.1], "shares": [0.5, 0.5]},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Scrape:
    """What a server exports that has been asked well and badly."""
    from tiny_model import write_tiny_model  # noqa: PLC0415

    repository = tmp_path_factory.mktemp("models")
    manifest = write_tiny_model(repository) / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"distribution": USUAL}))
    write_tiny_model(repository, version="2", shift=1)
    with (
        ServerProcess(repository, *METRICS, "--shadow", "digits/2=1") as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        stub = digits_grpc.DigitServiceStub(channel)
        stub.BatchClassifyImages(batch(np.stack([image_of(d) for d in range(10)] * 100).tobytes()))
        with pytest.raises(grpc.RpcError):
            stub.ClassifyImage(one(image_of(1)[1:]))
        while not (found := scrape(server)).value("digitserve_shadow_answers_total"):
            pass
        return found


def queries(part: Any) -> Iterator[str]:
    """Every query of a dashboard, its variables' too."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            yield from queries(value)
    elif isinstance(part, list):
        for value in part:
            yield from queries(value)


def expressions() -> list[str]:
    """All that is asked of Prometheus under deploy/."""
    rules = RULES.read_text()
    found = [query for query in queries(json.loads(DASHBOARD.read_text())) if "digitserve" in query]
    return found + re.findall(r"expr: (?:>-\n)?((?:.+\n)(?: {10}.+\n)*)", rules)


def test_there_is_something_to_check() -> None:
    assert len(expressions()) >= 25
    asked = {name for query in expressions() for name in re.findall(r"\bdigitserve_\w+", query)}
    assert len(asked) >= 13


@pytest.mark.parametrize("query", expressions())
def test_what_is_asked_for_is_exported(query: str, exported: Scrape) -> None:
    recorded = set(re.findall(r"record: (\S+)", RULES.read_text()))
    assert set(re.findall(RECORDED, query)) <= recorded
    for name, selector in re.findall(r"\b(digitserve_\w+)(?:\{([^}]*)\})?", query):
        assert name in exported.samples, f"nobody exports {name}"
        known = {label for labels, _ in exported.samples[name] for label in labels} | OF_PROMETHEUS
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) <= known
    labels = {label for samples in exported.samples.values() for found, _ in samples for label in found}
    for grouped in re.findall(r"\bby \(([^)]*)\)", query):
        names = {label.strip() for label in grouped.split(",")}
        assert names <= labels | OF_PROMETHEUS
        asked = re.findall(r"\bdigitserve_\w+", query)
        of_these = {label for name in asked for found, _ in exported.samples[name] for label in found}
        assert names <= of_these | OF_PROMETHEUS


def test_values_of_labels_that_are_asked_for_exist(exported: Scrape) -> None:
    reasons = {labels["reason"] for labels, _ in exported.samples["digitserve_rejections_total"]}
    asked = {
        reason
        for query in expressions()
        for chosen in re.findall(r'reason=~"([^"]+)"', query)
        for reason in chosen.split("|")
    }
    assert asked
    assert asked <= reasons
    stages = {labels["stage"] for labels, _ in exported.samples["digitserve_request_duration_seconds_count"]}
    assert {"total"} == {s for query in expressions() for s in re.findall(r'stage="(\w+)"', query)} & stages


def test_the_drift_score_is_there_with_a_distribution(exported: Scrape) -> None:
    drift = {labels["feature"]: score for labels, score in exported.samples["digitserve_drift_score"]}
    assert set(drift) == {"predictions", "confidence", "ink_density"}
    assert drift["predictions"] < 0.1
    assert drift["ink_density"] > 0.25


@pytest.mark.parametrize(
    "command", [("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")], ids=" ".join
)
def test_promtool_agrees(command: tuple[str, ...]) -> None:
    if not shutil.which("promtool"):
        assert "DIGITSERVE_NEED_PROMTOOL" not in os.environ, "promtool is not installed"
        pytest.skip("no promtool: it is in Debian's package prometheus")
    ran = subprocess.run(
        ["promtool", *command], cwd=RULES.parent, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_has_a_case_in_which_it_calls_and_one_in_which_it_does_not() -> None:
    cases = (RULES.parent / "rules_test.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", RULES.read_text()):
        assert f"alertname: {alert}, exp_alerts: []" in cases
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", cases)


def test_operators_are_told_what_to_do_about_every_alert() -> None:
    guide = (DEPLOY.parent / "docs" / "operators.md").read_text()
    assert set(re.findall(r"alert: (\w+)", RULES.read_text())) <= set(re.findall(r"\w+", guide))
