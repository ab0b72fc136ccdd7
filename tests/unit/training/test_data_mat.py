"""MATLAB files, as EMNIST and SVHN are published."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import LETTERS, Bytes, printed, write_emnist_mat, write_svhn
from digitserve_training.data import load
from digitserve_training.errors import DataError
from PIL import Image
from scipy.io import loadmat, savemat

TRAIN, TEST = printed(LETTERS, 4), printed(LETTERS, 1, seed=1)
DIGITS = printed("0123456789", 2)


@pytest.fixture
def emnist(tmp_path: Path) -> Path:
    return write_emnist_mat(tmp_path / "emnist-letters.mat", TRAIN, TEST, first=1)


@pytest.fixture
def svhn(tmp_path: Path) -> Path:
    for part in ("train", "test"):
        write_svhn(tmp_path / f"{part}_32x32.mat", coloured(DIGITS.images), DIGITS.shown)
    return tmp_path


def coloured(images: Bytes, ground: Any = (40, 60, 120), ink: Any = (230, 220, 180)) -> Bytes:
    """The images, as grey, in other colours, (N, 32, 32, 3)."""
    large = [np.asarray(Image.fromarray(image).resize((32, 32))) for image in images]
    share = np.stack(large)[..., None] / 255
    return np.rint(np.array(ground) * (1 - share) + np.array(ink) * share).astype(np.uint8)


def test_emnist_stands_upright_with_its_labels_and_writers(emnist: Path) -> None:
    dataset = load(emnist)
    assert dataset.source == "emnist-letters.mat"
    assert dataset.labels == tuple(LETTERS)
    np.testing.assert_array_equal(dataset.train.images, TRAIN.images)
    np.testing.assert_array_equal(dataset.train.labels, TRAIN.shown)
    np.testing.assert_array_equal(dataset.test.labels, TEST.shown)
    np.testing.assert_array_equal(dataset.train.writers, np.arange(104) // 10)


def test_a_folder_with_one_such_file_will_do(emnist: Path) -> None:
    assert len(load(emnist.parent).labels) == 26


@pytest.mark.parametrize(
    ("part", "field", "value", "message"),
    [
        ("train", "images", None, r"dataset.train: no array images"),
        (
            "train",
            "images",
            TRAIN.images.reshape(-1, 14, 56),
            r"train.images: shape \(104, 14, 56\); wanted \(N, 7",
        ),
        ("train", "labels", np.zeros((104, 1)), r"train.labels: labels from 0 to 0; wanted 1 to 26"),
        ("train", "labels", np.full((104, 1), 1.5), r"train.labels: dtype float64; wanted integers"),
        ("test", "labels", np.ones((3, 1)), r"test.labels: shape \(3,\); wanted \(26,\), one for each image"),
        ("train", "labels", "labels", r"dataset.train: no array labels"),
        ("train", "writers", np.ones((5, 1)), r"train.writers: shape \(5,\); wanted \(104,\)"),
        ("test", None, None, r"dataset: no struct test; wanted dataset.train and dataset.test"),
        (None, "mapping", None, r"no array mapping"),
        (None, "mapping", np.array([[1, 65], [3, 66]]), r"dataset.mapping: classes \[1, 3\]; wanted .* gaps"),
    ],
)
def test_refuses_other_structs(
    emnist: Path, part: str | None, field: str | None, value: Any, message: str
) -> None:
    dataset = loadmat(emnist, simplify_cells=True)["dataset"]
    keys = [key for key in (part, field) if key]
    parent = dataset[keys[0]] if len(keys) == 2 else dataset
    parent[keys[-1]] = value
    if value is None:
        del parent[keys[-1]]
    savemat(emnist, {"dataset": dataset}, do_compression=True)
    with pytest.raises(DataError, match=message):
        load(emnist)


def test_svhn_becomes_grey_digits_in_their_order(svhn: Path) -> None:
    dataset = load(svhn)
    assert dataset.source == "SVHN, 32x32 px to 28x28 grey"
    assert dataset.labels == tuple("0123456789")
    np.testing.assert_array_equal(dataset.train.labels, DIGITS.shown)
    apart = np.abs(dataset.train.images.astype(int) - DIGITS.images).mean(axis=(1, 2))
    assert apart.max() < 8


def test_one_file_of_svhn_stands_for_both(svhn: Path) -> None:
    assert len(load(svhn / "test_32x32.mat").train) == 20


@pytest.mark.parametrize(
    ("ground", "ink"),
    [
        ((250, 240, 230), (20, 10, 10)),
        ((10, 10, 10), (255, 255, 255)),
        ((90, 90, 90), (125, 125, 125)),
        ((150, 140, 150), (90, 100, 90)),
        ((200, 30, 30), (30, 30, 200)),
    ],
)
def test_the_ink_of_svhn_is_white_whatever_its_colours(svhn: Path, ground: Any, ink: Any) -> None:
    write_svhn(svhn / "train_32x32.mat", coloured(DIGITS.images, ground, ink), DIGITS.shown)
    images = load(svhn).train.images
    apart = np.abs(images.astype(int) - DIGITS.images).mean(axis=(1, 2))
    assert apart.max() < 10


def test_half_of_svhn_is_not_enough(svhn: Path) -> None:
    (svhn / "test_32x32.mat").unlink()
    with pytest.raises(
        DataError, match=r"test_32x32.mat is missing; wanted train_32x32.mat and test_32x32.mat"
    ):
        load(svhn)


COLOURED = coloured(DIGITS.images).transpose(1, 2, 3, 0)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"y": DIGITS.shown}, r"no variable X; wanted images uint8 \(32, 32, 3, N\)"),
        ({"X": COLOURED}, r"no variable y; wanted labels \(N, 1\)"),
        ({"X": COLOURED[:28], "y": DIGITS.shown + 1}, r"X: uint8 \(28, 32, 3, 20\); wanted uint8 \(32"),
        ({"X": COLOURED / 255, "y": DIGITS.shown + 1}, r"X: float64 \(32, 32, 3, 20\); wanted uint8"),
        ({"X": "text", "y": DIGITS.shown + 1}, r"X: <U4 \(\d?,?\); wanted uint8"),
        (
            {"X": COLOURED, "y": DIGITS.shown},
            r"y: uint8 \[0, 1, .*; wanted integers from 1 to 10, which is 0",
        ),
        ({"X": COLOURED, "y": DIGITS.shown[:7] + 1}, r"y: shape \(7,\); wanted \(20,\), one for each image"),
    ],
)
def test_refuses_other_variables(svhn: Path, variables: Any, message: str) -> None:
    savemat(svhn / "train_32x32.mat", variables, do_compression=True)
    with pytest.raises(DataError, match=message):
        load(svhn)


def test_other_matlab_files_are_not_known(tmp_path: Path) -> None:
    savemat(tmp_path / "mine.mat", {"X": COLOURED}, do_compression=True)
    with pytest.raises(
        DataError, match=r"mine.mat: no struct dataset; wanted EMNIST's .mat files, or SVHN's"
    ):
        load(tmp_path / "mine.mat")


@pytest.mark.parametrize("cut", [0, 3, 100, 128, 131, 140, 300, 2_000])
def test_refuses_truncated_files(emnist: Path, cut: int) -> None:
    emnist.write_bytes(emnist.read_bytes()[:cut])
    with pytest.raises(
        DataError, match=r"emnist-letters.mat: (the file is damaged or of another|no struct dataset)"
    ):
        load(emnist)


@pytest.mark.parametrize("at", [129, 137, 150, 1_000])
def test_refuses_damaged_files(emnist: Path, at: int) -> None:
    content = bytearray(emnist.read_bytes())
    content[at] ^= 255
    emnist.write_bytes(content)
    with pytest.raises(DataError, match=r"emnist-letters.mat: "):
        load(emnist)


@pytest.mark.parametrize("header", [b"MATLAB 7.3 MAT-file", b"", b"MATLAB 5.0 MAT-file"])
def test_files_of_another_version_are_refused(emnist: Path, header: bytes) -> None:
    hdf5 = header.ljust(124) + b"\x00\x02IM" + bytes(384) + b"\x89HDF\r\n\x1a\n"
    emnist.write_bytes(hdf5)
    with pytest.raises(DataError, match=r"damaged or of another kind; wanted a MATLAB file, version 7"):
        load(emnist)


def test_what_has_no_checksum_is_refused(emnist: Path) -> None:
    """SciPy ends the whole process where such a file is damaged at the wrong place."""
    savemat(emnist, {"dataset": {}})
    with pytest.raises(
        DataError, match=r"a variable that is not compressed; wanted compression, as version 7"
    ):
        load(emnist)


def test_a_bomb_is_not_unpacked(emnist: Path) -> None:
    packer = zlib.compressobj(1, wbits=-15)
    packed = b"\x78\x01" + 70 * (packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH))
    tag = np.array([15, len(packed)], "<u4").tobytes()
    emnist.write_bytes(emnist.read_bytes()[:128] + tag + packed)
    with pytest.raises(DataError, match=r"an array of 1,\d{3},\d{3},\d{3} bytes; wanted at most"):
        load(emnist)
