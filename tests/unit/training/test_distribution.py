"""What validation images are like, in the manifest and for a model that was made without it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from digitserve_serving.manifest import read_manifest
from digitserve_training.cli import main
from digitserve_training.data import LabelledImages
from digitserve_training.distribution import distribution
from digitserve_training.split import split
from tiny_model import expected_probabilities, image_of


def test_shares_are_of_all_images() -> None:
    images = np.stack([image_of(digit, vote) for digit in (1, 1, 1, 7) for vote in (60, 150, 255)])
    found = distribution(images, expected_probabilities(images))
    assert found.images == 12
    assert found.predictions == (0, 0.75, 0, 0, 0, 0, 0, 0.25, 0, 0)
    for part in (found.confidence, found.ink_density):
        assert sum(part.shares) == pytest.approx(1, abs=1e-4)
        assert list(part.edges) == sorted(set(part.edges))
        assert len(part.shares) == len(part.edges) + 1
    assert found.confidence.shares[-1] == 0  # a vote of 255 gives 0.997
    assert found.confidence.shares[0] == pytest.approx(1 / 3, abs=1e-4)


@pytest.fixture
def version(repository: Path, drawn: LabelledImages) -> Path:
    """The tiny model, which says that it was validated on a part of the drawn digits."""
    file = repository / "digits" / "1" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["metrics"]["validation"]["data_sha256"] = split(drawn, 1).validation.sha256()
    file.write_text(json.dumps(manifest))
    return file.parent


def npz(folder: Path, drawn: LabelledImages) -> str:
    file = folder / "drawn.npz"
    train, test = slice(None), slice(10)
    np.savez(
        file,
        x_train=drawn.images[train],
        y_train=drawn.labels[train],
        x_test=drawn.images[test],
        y_test=drawn.labels[test],
    )
    return str(file)


def test_it_is_added_to_a_model_without_it(version: Path, drawn: LabelledImages, tmp_path: Path) -> None:
    assert read_manifest(version / "manifest.json").distribution is None
    result = CliRunner().invoke(main, ["distribution", str(version), "--data", npz(tmp_path, drawn)])
    assert result.exit_code == 0, result.output
    assert "digits, version 1: distribution of 40 validation images" in result.output
    found = read_manifest(version / "manifest.json").distribution
    assert found
    assert found.images == 40
    assert sum(found.ink_density.shares) == pytest.approx(1, abs=1e-4)


def test_other_data_are_refused(version: Path, drawn: LabelledImages, tmp_path: Path) -> None:
    before = (version / "manifest.json").read_bytes()
    other = LabelledImages(drawn.images[::-1], drawn.labels[::-1])
    result = CliRunner().invoke(main, ["distribution", str(version), "--data", npz(tmp_path, other)])
    assert result.exit_code == 1
    assert "those of the manifest" in result.output
    assert (version / "manifest.json").read_bytes() == before
