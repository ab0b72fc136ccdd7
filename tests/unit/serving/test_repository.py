import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from digitserve_serving.repository import BadModel, VerifiedModel, load_verified, look
from digitserve_serving.rollout import FILE
from tiny_model import image_of, write_tiny_model

Edit = Callable[[dict[str, Any]], None]


def load(repository: Path) -> VerifiedModel:
    (folder,) = look(repository).models["digits"].versions
    return load_verified(folder, warm_up_rows=4)


def test_versions_are_numbers_newest_first_and_the_rest_is_left_alone(repository: Path) -> None:
    for version in ("9", "10"):
        write_tiny_model(repository, version=version)
    for stray in ("digits/.tmp-11", "digits/latest", "digits/011", ".git/1", "empty"):
        (repository / stray).mkdir(parents=True)
    (repository / "digits" / "12").write_text("a file, not a folder")
    found = look(repository)
    assert [f.version for f in found.models["digits"].versions] == ["10", "9", "1"]
    assert not found.models["empty"].versions
    assert found.models.keys() == {"digits", "empty"}
    assert not found.problems


def test_what_cannot_be_read_is_told_and_the_rest_is_found(repository: Path) -> None:
    write_tiny_model(repository, "letters")
    (repository / "letters" / FILE).write_text('{"default": "two"}')
    found = look(repository)
    assert found.models.keys() == {"digits"}
    assert "default" in found.problems[repository / "letters"]
    missing = repository / "missing"
    assert look(missing).problems == {missing: "No such file or directory"}


def test_a_stamp_changes_with_the_files(repository: Path) -> None:
    def stamp() -> tuple[int, ...]:
        return look(repository).models["digits"].versions[0].stamp

    stamps = [stamp()]
    model = repository / "digits" / "1" / "model.onnx"
    for change in (lambda: model.write_bytes(b"1"), lambda: model.chmod(0o600), model.unlink):
        change()
        stamps.append(stamp())
    assert len(set(stamps)) == len(stamps)
    assert stamp() == stamps[-1]


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
        (lambda m: m.update(schema_version=2, model="a new form"),
         r"manifest\.json cannot be read: its schema_version is 2, and this server reads 1"),
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
