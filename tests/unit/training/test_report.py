"""The command `evaluate`, on a model whose answers can be told from the pixels."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from digitserve_training.data import Images
from digitserve_training.errors import DataError
from digitserve_training.graph import Graph, Probabilities
from digitserve_training.report import stranger_measures
from digitserve_training.report.command import evaluate
from digitserve_training.report.model import read_model
from digitserve_training.report.samples import read_samples
from digitserve_training.report.strangers import strangers
from digitserve_training.report.typefaces import typefaces
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image
from tiny_model import image_of, tiny_manifest, write_tiny_model

LETTERS = "abcdefghij"
COLUMNS = "epoch,loss,validation_loss,validation_accuracy,learning_rate,seconds"

Labels = npt.NDArray[np.int64]


def write_set(file: Path, said: Labels, truth: Labels, votes: Labels, **more: Any) -> Path:
    """A data set that the tiny model reads as `said`, the surer the higher the votes."""
    images = np.stack([image_of(one, vote) for one, vote in zip(said, votes, strict=True)])
    ten = np.stack([image_of(digit) for digit in range(10)])
    np.savez(file, x_train=ten, y_train=np.arange(10), x_test=images, y_test=truth, **more)
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, list(map(str, arguments)))


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with letters for labels: not one for digits, so nothing else is drawn for it."""
    folder = write_tiny_model(tmp_path_factory.mktemp("models"), "letters")
    manifest = tiny_manifest((folder / "model.onnx").read_bytes(), "letters") | {"labels": list(LETTERS)}
    manifest["description"] = "<b>Reads</b> letters."
    manifest["training"]["configuration"] = {"validation_held_out": "by writer"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def made(letters: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on 350 images: 100 right, 240 wrong and sure, 10 wrong and unsure."""
    folder = tmp_path_factory.mktemp("report")
    said = np.r_[np.arange(100) % 10, np.full(250, 4)]
    truth = np.r_[np.arange(100) % 10, np.full(230, 9), np.full(20, 3)]
    votes = np.r_[np.full(340, 255), np.full(10, 100)]
    data = write_set(folder / "data.npz", said, truth, votes, labels=np.array(list(LETTERS)))
    history = folder / "history.csv"
    history.write_text(f"{COLUMNS}\n1,0.5,0.4,0.9,0.001,3\n2,0.2,0.1,0.97,0.001,3\n")
    result = run(letters, "--data", f"Mine & yours={data}", "--history", history, "--out", folder / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder / 'out' / 'report.html'}\n"
    return folder / "out"


@pytest.fixture(scope="module")
def figures(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / "metrics.json").read_text())
    return found


def test_the_figures_are_those_of_the_answers(figures: dict[str, Any]) -> None:
    [one] = figures["sets"]
    assert one["accuracy"]["share"] == pytest.approx(100 / 350)
    assert one["accuracy"]["low"] < 100 / 350 < one["accuracy"]["high"]
    assert one["review"]["coverage"]["count"] == 340
    assert one["review"]["error"]["share"] == pytest.approx(240 / 340)
    assert one["confusion"][9][4] == 230
    assert one["confusion"][3][4] == 20
    e = one["classes"][4]
    assert (e["label"], e["images"], e["recall"]) == ("e", 10, 1)
    assert e["precision"] == pytest.approx(10 / 260)
    assert e["f1"] == pytest.approx(2 * (10 / 260) / (10 / 260 + 1))
    confidence = float(np.exp(8) / (np.exp(8) + 9))
    unsure = float(np.exp(800 / 255) / (np.exp(800 / 255) + 9))
    gap = 340 * confidence - 100 + 10 * unsure
    assert one["calibration_error"] == pytest.approx(gap / 350, rel=1e-5)


def test_the_model_is_named_by_its_hash(figures: dict[str, Any], letters: Path) -> None:
    manifest = json.loads((letters / "manifest.json").read_text())
    assert (figures["name"], figures["version"]) == ("letters", "1")
    assert figures["sha256"] == manifest["model"]["sha256"]
    assert figures["throughput"]["images_per_s"] > 0
    assert figures["strangers"] is None


def test_throughput_is_of_the_images_that_it_is_measured_on(
    letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise would tell nothing of a graph that looks again at what it doubts of them."""
    asked = []

    def probabilities(_: Graph, images: Images, batch_size: int) -> Probabilities:
        asked.append((images, batch_size))
        return np.zeros((len(images), 10), np.float32)

    model = read_model(letters)
    monkeypatch.setattr(Graph, "probabilities", probabilities)
    images = np.random.default_rng(1).integers(0, 256, (1_500, 28, 28)).astype(np.uint8)
    assert model.images_per_s(images) > 0
    assert asked
    for some, batch_size in asked:
        assert batch_size == 128
        np.testing.assert_array_equal(some, images[:1_024])


def test_the_page_needs_nothing_but_itself(made: Path) -> None:
    page = (made / "report.html").read_text()
    assert not re.search(r"https?:|url\(|@import|<script|<link", page)
    assert all(
        source.startswith("data:image/png;base64,") for source in re.findall(r'src(?:set)?="([^"]*)"', page)
    )
    assert re.findall(r'href="([^"]*)"', page)
    assert all(f'id="{place}"' in page for place in re.findall(r'href="#([^"]*)"', page))
    assert "prefers-color-scheme: dark" in page


def test_names_and_descriptions_are_text_not_markup(made: Path) -> None:
    page = (made / "report.html").read_text()
    assert "Mine &amp; yours" in page
    assert "&lt;b&gt;Reads" in page


def test_the_gallery_is_bounded_and_says_how_many_there_are(made: Path) -> None:
    page = (made / "report.html").read_text()
    assert "200 of the 250 mistakes" in page
    # The surest first, and of equal ones the first; then eight examples of each of the two pairs.
    assert page.count("j → e") == 200 + 8
    assert page.count("d → e") == 8


def test_every_picture_is_a_file_too(made: Path) -> None:
    names = {file.name for file in (made / "pictures").iterdir()}
    place = "mine-yours"
    assert names == {
        "accuracies.png",
        "training.png",
        *(f"{place}-{chart}.png" for chart in ("confusion", "pairs", "reliability", "risk-coverage")),
        *(f"{place}-{gallery}.png" for gallery in ("mistakes", "pairs-examples")),
    }
    for file in (made / "pictures").iterdir():
        with Image.open(file) as picture:
            assert picture.width == 880


def test_figures_can_be_recorded_in_the_manifest_and_on_the_card(letters: Path, tmp_path: Path) -> None:
    names, ten = np.array(list(LETTERS)), np.arange(10)
    test = write_set(tmp_path / "test.npz", ten, ten, ten * 0 + 255, labels=names)
    other = write_set(tmp_path / "other.npz", ten, np.roll(ten, 1), ten * 0 + 255, labels=names)
    manifest = json.loads((letters / "manifest.json").read_text())
    manifest["metrics"]["test"]["data_sha256"] = read_samples(str(test), LETTERS).truth.sha256()
    (letters / "manifest.json").write_text(json.dumps(manifest))
    assert run(letters, "--data", test, "--data", other, "--out", tmp_path / "out", "--record").exit_code == 0
    metrics = json.loads((letters / "manifest.json").read_text())["metrics"]
    assert metrics["test"]["coverage"] == 1
    assert metrics["test"]["error_rate"] == 0
    assert metrics["test"]["accuracy"] == manifest["metrics"]["test"]["accuracy"]
    [recorded] = metrics["others"]
    assert (recorded["name"], recorded["images"], recorded["accuracy"]) == ("other", 10, 0)
    assert "| other | 10 | 0.00% | 100.00% | 100.00% |" in (letters / "MODEL_CARD.md").read_text()
    # What is measured later comes beside it, or in its place.
    for again, kept in ((f"third={other}", ["other", "third"]), (f"other={test}", ["third"])):
        assert run(letters, "--data", again, "--out", tmp_path / "out", "--record").exit_code == 0
        metrics = json.loads((letters / "manifest.json").read_text())["metrics"]
        assert [one["name"] for one in metrics["others"]] == kept


def test_a_label_with_dollar_signs_is_no_formula(letters: Path, tmp_path: Path) -> None:
    """In sets of mathematical signs classes are called by their TeX, of which matplotlib knows a part."""
    manifest = json.loads((letters / "manifest.json").read_text())
    names = [rf"$\{letter}{{$" for letter in LETTERS]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"labels": names}))
    (tmp_path / "model.onnx").write_bytes((letters / "model.onnx").read_bytes())
    ten = np.arange(10)
    data = write_set(tmp_path / "d.npz", ten, np.roll(ten, 1), ten * 0 + 255, labels=np.array(names))
    result = run(tmp_path, "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.exception


def test_no_number_is_written_as_a_formula(
    letters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As matplotlib does it on logarithmic scales: formulas are not set, as labels may look like some."""
    texts: list[str] = []

    draw = FigureCanvasAgg.draw

    def drawn(canvas: FigureCanvasAgg) -> None:
        draw(canvas)  # type: ignore[no-untyped-call]
        texts.extend(text.get_text() for text in canvas.figure.findobj(Text))

    monkeypatch.setattr(FigureCanvasAgg, "draw", drawn)
    ten = np.arange(200) % 10
    data = write_set(tmp_path / "d.npz", ten, ten // 2, 55 + ten * 20, labels=np.array(list(LETTERS)))
    history = tmp_path / "history.csv"
    history.write_text(f"{COLUMNS}\n1,0.5,0.4,0.9,0.001,3\n2,0.2,0.1,0.97,0.001,3\n")
    result = run(letters, "--data", data, "--history", history, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "100%" in texts
    assert [text for text in texts if "$" in text] == []


def test_a_digit_model_meets_strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stranger_measures, "strangers", partial(strangers, each=6, faces=typefaces()[:1]))
    model = write_tiny_model(tmp_path)
    ten = np.arange(20) % 10
    data = write_set(tmp_path / "d.npz", ten, ten, ten * 0 + 255)
    result = run(model.parent, "--data", data, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text())
    kinds = {kind["kind"]: kind for kind in figures["strangers"]["kinds"]}
    # It looks at the first row of pixels only, where nothing of a prepared picture is: all are as likely.
    assert kinds["letters"]["flagged"]["share"] == 1
    assert kinds["letters"]["roc_area"] == 1
    assert "Not digits" in (tmp_path / "out" / "report.html").read_text()


def test_pictures_are_prepared_as_a_users_are(tmp_path: Path) -> None:
    """In an .npz with x and y; x20 comes before x, and what the client refuses is counted."""
    pictures = np.zeros((4, 20, 20), np.uint8)
    for picture in pictures[:3]:
        picture[3:17, 9:12] = 1  # a bitmap of a 1
    file = tmp_path / "raw.npz"
    np.savez(file, x=np.zeros((4, 28, 28), np.uint8), x20=pictures, y=np.array([1, 1, 7, 0]))
    samples = read_samples(f"bitmaps={file}", list("0123456789"))
    assert (samples.name, len(samples), samples.refused) == ("bitmaps", 4, 1)
    assert samples.prepared_by == "digitserve_client.imaging"
    assert samples.truth.labels.tolist() == [1, 1, 7]
    rows = np.flatnonzero(samples.truth.images[0].any(axis=1))
    assert 20 <= rows[-1] - rows[0] + 1 <= 22  # fills the box of 20 px, where it had filled 14
    assert samples.truth.images.max() == 255


def test_classes_are_matched_by_name(tmp_path: Path) -> None:
    pictures = np.zeros((2, 20, 20), np.uint8)
    pictures[:, 3:17, 9:12] = 255
    np.savez(tmp_path / "raw.npz", x=pictures, y=np.array(["b", "z"]))
    assert read_samples(str(tmp_path / "raw.npz"), ("z", "y", "b")).truth.labels.tolist() == [2, 0]


def test_indices_of_named_classes_are_matched_by_name(tmp_path: Path) -> None:
    pictures = np.zeros((2, 20, 20), np.uint8)
    pictures[:, 3:17, 9:12] = 255
    file, names = tmp_path / "raw.npz", np.array(["1", "0"])
    np.savez(file, x=pictures, y=np.array([0, 1]), labels=names)
    assert read_samples(str(file), ("0", "1")).truth.labels.tolist() == [1, 0]
    np.savez(file, x=pictures, y=np.array([0, 2]), labels=names)
    with pytest.raises(DataError, match="y: labels from 0 to 2; wanted 0 to 1, which labels has names for"):
        read_samples(str(file), ("0", "1"))
    np.savez(file, x=pictures, y=np.array([0, 1]), labels=np.array([1, 0]))
    with pytest.raises(DataError, match=r"labels: dtype int64, shape \(2,\); wanted strings"):
        read_samples(str(file), ("0", "1"))


def test_the_newest_version_of_a_model_is_the_one(tmp_path: Path) -> None:
    for version in ("2", "10", "9"):
        write_tiny_model(tmp_path, version=version)
    assert read_model(tmp_path / "digits").manifest["version"] == "10"


def damaged(folder: Path) -> Path:
    (folder / "model.onnx").write_bytes(b"no graph")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["model"]["sha256"] = hashlib.sha256(b"no graph").hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def with_other_graph(folder: Path) -> Path:
    (folder / "model.onnx").write_bytes(b"another graph")
    return folder


def with_other_manifest(folder: Path) -> Path:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"labels": "0123456789"}))
    return folder


def without_graph(folder: Path) -> Path:
    (folder / "model.onnx").unlink()
    return folder


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: folder / "none", "none: no such folder; wanted the folder of a model version"),
        (lambda folder: folder.parents[1], "no manifest.json, and no version, in it; wanted"),
        (without_graph, "model.onnx: No such file or directory"),
        (damaged, "onnxruntime cannot load model.onnx; wanted a valid ONNX graph"),
        (with_other_graph, "model.onnx has SHA-256"),
        (
            with_other_manifest,
            "manifest.json: '0123456789' is not of type 'array'; wanted what its schema says",
        ),
    ],
)
def test_a_model_that_cannot_be_read_is_one_line(
    tmp_path: Path, spoil: Callable[[Path], Path], message: str
) -> None:
    result = run(spoil(write_tiny_model(tmp_path)), "--data", "none.npz", "--out", tmp_path / "out")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def refused(model: Path, out: Path, *arguments: object) -> str:
    """What the command says to these arguments, in its last line."""
    result = run(model, *arguments, "--out", out)
    assert result.exit_code == 1
    assert not out.exists()
    return result.stderr.splitlines()[-1]


def test_data_that_cannot_be_used_is_one_line(letters: Path, tmp_path: Path) -> None:
    out, ten = tmp_path / "out", np.arange(10)
    digits = write_set(tmp_path / "digits.npz", ten, ten, ten * 0 + 255)
    assert refused(letters, out, "--data", digits) == (
        "Error: digits: 10 classes, of which the model lacks 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; "
        "wanted only classes of the model's 10: a, b, c, d, e, f, g, h, i, j"
    )
    assert "none.npz" in refused(letters, out, "--data", tmp_path / "none.npz")
    np.savez(tmp_path / "raw.npz", x=np.zeros((3, 8, 8)), y=ten[:3])
    assert "x: float64 (3, 8, 8); wanted" in refused(letters, out, "--data", tmp_path / "raw.npz")
    np.savez(tmp_path / "raw.npz", x=np.zeros((3, 8, 8), np.uint8), y=ten)
    assert "y: int64 (10,); wanted integers or strings (3,)" in refused(
        letters, out, "--data", tmp_path / "raw.npz"
    )
    np.savez(tmp_path / "raw.npz", x=np.zeros((3, 8, 8), np.uint8), y=np.array(["a", "b", "c"]))
    assert "not one picture that shows a digit" in refused(letters, out, "--data", tmp_path / "raw.npz")


def test_two_sets_need_two_names(letters: Path, tmp_path: Path) -> None:
    data = write_set(
        tmp_path / "d.npz", np.arange(10), np.arange(10), np.full(10, 255), labels=np.array(list(LETTERS))
    )
    told = refused(letters, tmp_path / "out", "--data", f"one={data}", "--data", f"One={data}")
    assert "test sets called one, one; wanted one or more, each with a name of its own: NAME=SOURCE" in told


@pytest.mark.parametrize("text", ["", "epoch,loss\n1,0.5\n", "epoch,loss\nfirst", "\0"])
def test_a_history_of_another_kind_is_refused(letters: Path, tmp_path: Path, text: str) -> None:
    labels, ten = np.array(list(LETTERS)), np.arange(10)
    data = write_set(tmp_path / "d.npz", ten, ten, ten * 0 + 255, labels=labels)
    (tmp_path / "history.csv").write_text(text)
    told = refused(letters, tmp_path / "out", "--data", data, "--history", tmp_path / "history.csv")
    assert "wanted a run's history.csv, with the columns epoch, loss, validation_loss" in told


def test_a_model_without_mistakes_has_a_report_and_needs_no_tensorflow(letters: Path, tmp_path: Path) -> None:
    ten = np.arange(10)
    data = write_set(tmp_path / "d.npz", ten, ten, ten * 0 + 255, labels=np.array(list(LETTERS)))
    code = (
        "import sys; from digitserve_training.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'tf2onnx', 'onnx')))"
    )
    history = tmp_path / "history.csv"
    history.write_text(f"{COLUMNS}\n1,0.5,0.1,1.0,0.001,3\n")
    arguments = ["evaluate", str(letters), "--data", str(data), "--history", str(history)]
    arguments += ["--out", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code, *arguments], check=True)
    assert "mistakes</summary>" not in (tmp_path / "out" / "report.html").read_text()


def test_the_help_does_not_wait_for_libraries() -> None:
    code = (
        "import sys; from digitserve_training.cli import main; "
        "main(['evaluate', '--help'], standalone_mode=False); "
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'sklearn', 'scipy', 'onnxruntime')))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--record" in shown
