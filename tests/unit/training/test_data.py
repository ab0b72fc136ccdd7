"""Data in .npz files, and what is refused whatever file it comes from."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import BALANCED, printed, write_npz
from digitserve_training.data import LabelledImages, load
from digitserve_training.errors import DataError

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
    assert dataset.labels == tuple("0123456789")
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
        (
            {"x_test": None},
            r"digits.npz: x_test missing; wanted an .npz file with the arrays x_train, y_train, x_test",
        ),
        ({"x_train": np.zeros((400, 784), np.uint8)}, r"x_train: shape \(400, 784\); wanted \(N, 28, 28\)"),
        ({"x_train": np.zeros((400, 32, 32), np.uint8)}, r"shape \(400, 32, 32\); wanted \(N, 28, 28\)"),
        ({"x_test": np.zeros((0, 28, 28), np.uint8)}, r"x_test: shape \(0, 28, 28\); .*N at least 1"),
        ({"x_train": np.zeros((400, 28, 28))}, r"x_train: dtype float64; wanted uint8"),
        (
            {"x_test": np.ones((20, 28, 28), np.uint8)},
            r"x_test: no pixel brighter than 1; wanted 0 paper to 255",
        ),
        (
            {"x_train": np.full((400, 28, 28), 230, np.uint8)},
            r"mean brightness 230; wanted white ink on black",
        ),
        ({"y_train": np.zeros(399, np.uint8)}, r"y_train: shape \(399,\); wanted \(400,\), one for each"),
        ({"y_train": np.zeros((400, 10), np.uint8)}, r"y_train: shape \(400, 10\); wanted \(400,\)"),
        ({"y_train": np.zeros(400)}, r"y_train: dtype float64; wanted integers"),
        ({"y_train": np.arange(400) % 257}, r"y_train: labels from 0 to 256; wanted 0 to 255"),
        ({"y_test": np.full(20, -1)}, r"y_test: labels from -1 to -1; wanted 0 to 9"),
        ({"y_test": np.full(20, 10)}, r"y_test: labels from 10 to 10; wanted 0 to 9"),
        (
            {"y_train": np.arange(400) % 8 * 2},
            r"no training image shows 1, 3, 5, .*; wanted images of all 15",
        ),
        ({"y_train": np.zeros(400, int)}, r"y_train: classes: 1; wanted 2 to 256"),
        ({"y_train": np.array([{}] * 400)}, r"damaged or of another kind"),
        ({"writers_train": np.zeros(7, int)}, r"writers_train: shape \(7,\); wanted \(400,\)"),
        ({"writers_train": np.zeros(400)}, r"writers_train: dtype float64; wanted integers"),
        ({"labels": np.array(["a", "b"])}, r"y_train: labels from 0 to 9; wanted 0 to 1"),
        ({"labels": np.array(list("012345678 "))}, r"classes called \[' '\]; wanted a name of its own"),
        ({"labels": np.array(list("0123456788"))}, r"classes called \['8'\]; wanted a name of its own"),
        ({"labels": np.arange(10)}, r"labels: dtype int64, shape \(10,\); wanted strings"),
        ({"labels": np.array(list("0123456789A"))}, r"no training image shows A; wanted images of all 11"),
    ],
)
def test_says_what_came_and_what_is_wanted(file: Path, arrays: Arrays, change: Arrays, message: str) -> None:
    changed = {key: value for key, value in (arrays | change).items() if value is not None}
    np.savez(file, **changed)
    with pytest.raises(DataError, match=message):
        load(file)


def test_the_classes_are_called_as_the_file_says(file: Path) -> None:
    write_npz(file, printed(BALANCED, 2), printed(BALANCED, 1, seed=1))
    dataset = load(str(file))
    assert dataset.labels == tuple(BALANCED)
    assert [dataset.labels[label] for label in dataset.test.labels] == list(BALANCED)


def test_without_names_the_classes_are_called_by_their_numbers(file: Path, arrays: Arrays) -> None:
    np.savez(file, **(arrays | {"y_train": np.arange(400) % 26, "y_test": np.arange(20)}))
    assert load(file).labels == tuple(str(index) for index in range(26))


@pytest.mark.parametrize("name", ["absent.npz", "absent", "absent/emnist-letters-mapping.txt"])
def test_a_missing_file_is_named_in_full(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        DataError, match=rf"{tmp_path / name}: no such file or folder; wanted .*\.npz.*IDX.*SVHN"
    ):
        load(tmp_path / name)


def test_a_file_of_no_known_kind_is_told_the_kinds(tmp_path: Path) -> None:
    (tmp_path / "digits.csv").write_text("0, 1, 2")
    with pytest.raises(DataError, match=r"digits.csv: a file of another kind; wanted mnist or fashion-mnist"):
        load(tmp_path / "digits.csv")


def test_an_array_that_claims_gigabytes_is_not_unpacked(file: Path, arrays: Arrays) -> None:
    np.savez(file, **arrays)
    content = bytearray(file.read_bytes())
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"x_train.npy"))
    content[entry + 24 : entry + 28] = struct.pack("<I", 3 << 30)
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"x_train: an array of 3,221,225,472 bytes; wanted at most"):
        load(file)


def test_an_array_of_absurd_shape_is_refused(file: Path, arrays: Arrays) -> None:
    np.savez(file, **arrays)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    honest, absurd = b"(400, 28, 28), }" + b" " * 7, b"(9999999999, 28, 28), }"
    assert honest in members["x_train.npy"]
    members["x_train.npy"] = members["x_train.npy"].replace(honest, absurd)
    with zipfile.ZipFile(file, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    with pytest.raises(DataError, match="damaged or of another kind"):
        load(file)


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
    with pytest.raises(DataError, match="damaged or of another kind"):
        load(file)


def test_the_digest_is_over_images_then_labels(drawn: LabelledImages) -> None:
    digest = drawn.sha256()
    assert digest == LabelledImages(drawn.images.copy(), drawn.labels.copy()).sha256()
    assert digest != LabelledImages(drawn.images, drawn.labels[::-1].copy()).sha256()
