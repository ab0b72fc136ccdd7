import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from digitserve_serving.repository import BadModel, VerifiedModel, load_verified, newest_versions
from tiny_model import image_of, write_tiny_model

Edit = Callable[[dict[str, Any]], None]


def load(repository: Path) -> VerifiedModel:
    (folder,) = newest_versions(repository)
    return load_verified(folder, warm_up_rows=4)


def test_newest_means_the_highest_number_not_the_last_name(repository: Path) -> None:
    for version in ("9", "10"):
        write_tiny_model(repository, version=version)
    for stray in ("digits/.tmp-11", "digits/latest", "digits/011", ".git/1", "empty"):
        (repository / stray).mkdir(parents=True)
    (repository / "digits" / "12").write_text("a file, not a folder")
    assert [(f.name, f.version) for f in newest_versions(repository)] == [("digits", "10")]


@pytest.mark.parametrize("made", [True, False], ids=["empty", "missing"])
def test_a_repository_without_a_model_is_an_error(tmp_path: Path, made: bool) -> None:
    repository = tmp_path / "nothing-here"
    if made:
        repository.mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"no model in .*nothing-here \(--models\): want .*model\.onnx"
    ):
        newest_versions(repository)


def test_a_whole_model_is_loaded_and_answers(repository: Path) -> None:
    model = load(repository)
    assert model.onnx.run(image_of(6)[None]).argmax() == 6
    assert model.manifest.labels[6] == "6"


def edit(repository: Path, change: Edit) -> None:
    path = repository / "digits" / "1" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(schema_version=2), r"manifest\.json cannot be read: .*schema_version"),
        (lambda m: m.update(version="2"), "is that of digits/2"),
        (lambda m: m["review"].update(threshold=1.5), r"<= 1.0 - at `\$\.review\.threshold`"),
        (lambda m: m["input"].update(name="pictures"), "the manifest says .*pictures"),
        (lambda m: m["input"].update(shape=["batch", 32, 32]), "the manifest says .*32, 32"),
        (lambda m: m.update(labels=["yes", "no"]), "10 classes but 2 labels"),
        (lambda m: m["golden_samples"][0].update(pixels="AAAA"), "golden samples cannot be read"),
        (lambda m: m["golden_samples"].reverse() or m["golden_samples"][0].update(probabilities=[0.1] * 10),
         "does not give the answers"),
    ],
)  # fmt: skip
def test_a_manifest_that_does_not_fit_is_refused(repository: Path, change: Edit, message: str) -> None:
    edit(repository, change)
    with pytest.raises(BadModel, match=message):
        load(repository)


def test_a_graph_that_is_none_is_refused_even_with_the_right_digest(repository: Path) -> None:
    content = b"not an ONNX file"
    (repository / "digits" / "1" / "model.onnx").write_bytes(content)
    edit(repository, lambda m: m["model"].update(sha256=hashlib.sha256(content).hexdigest()))
    with pytest.raises(BadModel, match=r"onnxruntime refuses model\.onnx"):
        load(repository)


def test_no_manifest_is_refused(repository: Path) -> None:
    (repository / "digits" / "1" / "manifest.json").write_text("{")
    with pytest.raises(BadModel, match=r"manifest\.json cannot be read: Input data was truncated"):
        load(repository)
    (repository / "digits" / "1" / "manifest.json").unlink()
    with pytest.raises(BadModel, match=r"manifest\.json cannot be read: No such file"):
        load(repository)
