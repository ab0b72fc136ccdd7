import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digitserve_training import data
from digitserve_training.data import LabelledImages, load
from digitserve_training.errors import DataError, DataMissing

Arrays = dict[str, Any]


@pytest.fixture
def arrays(drawn: LabelledImages) -> Arrays:
    return {
        "x_train": drawn.images,
        "y_train": drawn.labels,
        "x_test": drawn.images[:20],
        "y_test": drawn.labels[:20],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "digits.npz"


def test_reads_images_and_labels_as_they_are_in_the_file(file: Path, arrays: Arrays) -> None:
    np.savez(file, **arrays)
    dataset = load(file)
    assert dataset.source == "digits.npz"
    assert (len(dataset.train), len(dataset.test)) == (400, 20)
    np.testing.assert_array_equal(dataset.train.images, arrays["x_train"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])
    assert dataset.train.writers is None


def test_labels_of_any_integer_kind_become_uint8(file: Path, arrays: Arrays) -> None:
    np.savez(file, **(arrays | {"y_train": arrays["y_train"].astype(np.int64)}))
    assert load(file).train.labels.dtype == np.uint8


def test_reads_who_wrote_what_where_the_file_knows_it(file: Path, arrays: Arrays) -> None:
    np.savez(file, **arrays, writers_train=np.arange(400) // 8)
    writers = load(file).train.writers
    assert writers is not None
    assert len(np.unique(writers)) == 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_test": None}, r"digits.npz: x_test missing; wanted the arrays x_train, y_train, x_test, y_test"),
        ({"x_train": np.zeros((400, 784), np.uint8)}, r"x_train: shape \(400, 784\); wanted \(N, 28, 28\)"),
        ({"x_train": np.zeros((400, 32, 32), np.uint8)}, r"shape \(400, 32, 32\); wanted \(N, 28, 28\)"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8)}, r"x_test: shape \(0, 28, 28\); .*N at least 1"),
        ({"x_train": np.zeros((400, 28, 28))}, r"x_train: dtype float64; wanted uint8"),
        (
            {"x_train": np.full((400, 28, 28), 230, np.uint8)},
            r"mean brightness 230; wanted white ink on black",
        ),
        ({"y_train": np.zeros(399, np.uint8)}, r"y_train: shape \(399,\); wanted \(400,\), one for each"),
        ({"y_train": np.zeros((400, 10), np.uint8)}, r"y_train: shape \(400, 10\); wanted \(400,\)"),
        ({"y_train": np.zeros(400)}, r"y_train: dtype float64; wanted integers"),
        ({"y_train": np.arange(400) % 11}, r"y_train: labels from 0 to 10; wanted 0 to 9"),
        ({"y_test": np.full(20, -1)}, r"y_test: labels from -1 to -1; wanted 0 to 9"),
        ({"y_train": np.arange(400) % 8}, r"no training image shows 8, 9; wanted all ten digits"),
        ({"y_train": np.array([{}] * 400)}, r"damaged or of another kind"),
        ({"writers_train": np.zeros(7, int)}, r"writers_train: shape \(7,\); wanted \(400,\)"),
        ({"writers_train": np.zeros(400)}, r"writers_train: dtype float64; wanted integers"),
    ],
)
def test_says_what_came_and_what_is_wanted(file: Path, arrays: Arrays, change: Arrays, message: str) -> None:
    changed = {key: value for key, value in (arrays | change).items() if value is not None}
    np.savez(file, **changed)
    with pytest.raises(DataError, match=message):
        load(file)


def test_a_missing_file_is_named_in_full(file: Path) -> None:
    with pytest.raises(DataError, match=rf"{file}: No such file or directory; wanted an .npz file"):
        load(file)


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 and no more"])
def test_a_file_of_another_kind_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError, match="damaged or of another kind"):
        load(file)


def test_a_single_array_is_refused(file: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    file.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="holds a single array"):
        load(file)


def test_a_truncated_file_is_refused(file: Path, arrays: Arrays) -> None:
    np.savez_compressed(file, **arrays)
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(DataError, match="damaged"):
        load(file)


def test_a_corrupted_array_is_refused(file: Path, arrays: Arrays) -> None:
    np.savez(file, **arrays)
    with zipfile.ZipFile(file) as archive:
        start = archive.getinfo("x_train.npy").header_offset
    content = bytearray(file.read_bytes())
    content[start + 10_000] ^= 255
    file.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        load(file)


def test_without_a_file_keras_is_asked(monkeypatch: pytest.MonkeyPatch, arrays: Arrays) -> None:
    monkeypatch.setattr(data, "download", lambda: arrays)
    assert load(None).source == "keras.datasets.mnist"


def test_without_data_the_error_tells_the_three_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network() -> None:
        raise Exception("URL fetch failure\nand a long story")  # as Keras raises it

    monkeypatch.setattr("keras.datasets.mnist.load_data", no_network)
    with pytest.raises(DataMissing) as raised:
        load(None)
    message = str(raised.value)
    assert "\n" not in message
    assert "(URL fetch failure)" in message
    assert all(way in message for way in ("--data FILE", "DIGITSERVE_MNIST", "Keras"))


def test_the_digest_is_over_images_then_labels(drawn: LabelledImages) -> None:
    digest = drawn.sha256()
    assert digest == LabelledImages(drawn.images.copy(), drawn.labels.copy()).sha256()
    assert digest != LabelledImages(drawn.images, drawn.labels[::-1].copy()).sha256()
