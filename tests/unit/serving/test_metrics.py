"""What is counted, without a server."""

import json
from pathlib import Path

import numpy as np
import pytest
from digitserve_serving.manifest import Distribution, Shares, read_manifest
from digitserve_serving.metrics import families
from digitserve_serving.metrics.collection import snapshot_of
from digitserve_serving.metrics.drift import population_stability_index
from digitserve_serving.metrics.families import decoded, encoded, exposed, lasting, merged
from digitserve_serving.metrics.observations import Observations
from digitserve_serving.metrics.window import Window
from digitserve_serving.models import Models
from digitserve_serving.repository import BadModel, VersionFolder, load_verified
from digitserve_serving.row_queue import Piece, Request, Result
from digitserve_serving.settings import Settings
from prometheus_client import generate_latest
from tiny_model import expected_probabilities, image_of, write_tiny_model

REFERENCE = Distribution(100, (0.5, 0.5), Shares((0.6, 0.9), (0.1, 0.2, 0.7)), Shares((0.2,), (0.5, 0.5)))
USUAL = {
    "images": 100,
    "predictions": [0.1] * 10,
    "confidence": {"edges": [0.9, 0.99], "shares": [0.0, 0.0, 1.0]},
    "ink_density": {"edges": [0.001, 0.01], "shares": [0.0, 1.0, 0.0]},
}


class Nobody:
    def deliver(self, results: list[Result]) -> None: ...


def test_the_index_is_the_textbooks() -> None:
    # (0.6 - 0.5) ln(0.6 / 0.5) + (0.4 - 0.5) ln(0.4 / 0.5)
    assert population_stability_index([6e6, 4e6], [5e6, 5e6]) == pytest.approx(0.040547, abs=1e-5)
    assert population_stability_index([3, 7], [3, 7]) == 0
    assert 0.25 < population_stability_index([1000, 0], [500, 500]) < 10


def test_a_window_forgets_what_is_old() -> None:
    window = Window(REFERENCE, rows=4)
    for digit, rows in ((0, 3), (1, 2), (0, 1)):
        window.add(np.full(rows, digit), np.full(rows, 0.9), np.full(rows, 0.3))
    found = dict(window.histograms())
    assert found["predictions"] == [2, 2, 50, 50]
    assert found["confidence"] == pytest.approx([0, 4, 0, 10, 20, 70])  # 0.9 is in the bin up to 0.9
    assert found["ink_density"] == [0, 4, 50, 50]
    window.add(np.arange(9) % 2, np.full(9, 0.5), np.zeros(9))  # more than it holds
    assert dict(window.histograms())["predictions"][:2] == [2, 2]


def observed(manifest_file: Path, digit: int, images: int) -> families.Snapshot:
    """What is exported after so many images of a digit, in batches of 100."""
    observations = Observations(read_manifest(manifest_file))
    for _ in range(images // 100):
        rows = np.stack([image_of(digit)] * 100)
        request = Request(rows, Nobody(), None)
        request.arrived = 1.0
        answers = expected_probabilities(rows)
        observations.ran([Piece(request, 0, rows)], answers, 1.5)
        observations.answered([Result(request, answers)], 1.5, 2.0)
    return observations.snapshot()


def written(snapshot: families.Snapshot) -> str:
    class Registry:
        def collect(self) -> object:
            return exposed(snapshot)

    return generate_latest(Registry()).decode()  # type: ignore[arg-type]  # it only collects


@pytest.fixture
def manifest(repository: Path) -> Path:
    file = repository / "digits" / "1" / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"distribution": USUAL}))
    return file


def drift(text: str, feature: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith("digitserve_drift") and feature in line]
    return float(line.split()[-1])


def test_only_what_has_changed_drifts(manifest: Path) -> None:
    all_digits = merged(*(observed(manifest, digit, 100) for digit in range(10)))
    for feature in ("predictions", "confidence", "ink_density"):
        assert drift(written(all_digits), feature) < 0.1
    sevens = written(observed(manifest, 7, 1000))
    assert drift(sevens, "predictions") > 0.25
    assert drift(sevens, "ink_density") < 0.1


def test_a_few_images_have_no_score(manifest: Path) -> None:
    assert "digitserve_drift_score{" not in written(observed(manifest, 7, 400))


def test_stages_of_a_request_add_up(manifest: Path) -> None:
    text = written(observed(manifest, 7, 300))
    for stage, seconds in (("queue", 1.5), ("run", 1.5), ("total", 3.0)):
        labels = f'{{model="digits",stage="{stage}",version="1"}}'
        assert f"digitserve_request_duration_seconds_sum{labels} {seconds}" in text.replace(
            f'model="digits",version="1",stage="{stage}"', f'model="digits",stage="{stage}",version="1"'
        )


def test_a_snapshot_survives_the_way_between_processes(manifest: Path) -> None:
    snapshot = observed(manifest, 3, 600)
    assert decoded(encoded(snapshot)) == snapshot
    assert encoded(snapshot).count(b"\n") == 1


def test_of_what_has_ended_only_counters_stay() -> None:
    calls, queued = (families.CALLS.name, ("a/b", "OK")), (families.QUEUED.name, ("digits", "1"))
    assert lasting({calls: [3.0], queued: [9.0]}) == {calls: [3.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": [0.5, 0.5]}, "2 shares of predictions for 10 labels"),
        ({"ink_density": {"edges": [0.2, 0.1], "shares": [0, 1, 0]}}, "do not rise"),
        ({"ink_density": {"edges": [0.2], "shares": [0, 1, 0]}}, "1 edges have 2 bins, not 3"),
    ],
)
def test_a_distribution_that_is_none_is_refused(
    manifest: Path, change: dict[str, object], message: str
) -> None:
    table = json.loads(manifest.read_text())
    table["distribution"] |= change
    manifest.write_text(json.dumps(table))
    with pytest.raises(BadModel, match=message):
        load_verified(VersionFolder("digits", "1", manifest.parent), warm_up_rows=1)


async def test_a_version_that_is_unloaded_drifts_no_more_and_its_counters_stay(
    manifest: Path, repository: Path
) -> None:
    models = Models(Settings(models=repository, metrics_port=0))
    await models.load()
    await models.ready("", "1").async_batcher.classify(np.stack([image_of(7)] * 500))
    assert drift(written(snapshot_of(models)), "predictions") > 0.25
    write_tiny_model(repository, version="2")
    await models.control.set_default("", "2", "")
    text = written(snapshot_of(models))
    await models.close()
    assert "digitserve_drift_score{" not in text
    assert 'digitserve_predictions_total{digit="7",model="digits",version="1"} 500.0' in text
