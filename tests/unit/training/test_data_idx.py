"""IDX files, as MNIST and EMNIST are published."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from data_files import BALANCED, LETTERS, Printed, printed, write_emnist, write_idx, write_mnist, write_npz
from digitserve_training.data import load
from digitserve_training.errors import DataError

DIGITS = (printed("0123456789", 3), printed("0123456789", 1, seed=1))
AS_PUBLISHED = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    return write_mnist(tmp_path / "mnist", *DIGITS, packed="")


def characters(labels: str) -> tuple[Printed, Printed]:
    return printed(labels, 3), printed(labels, 1, seed=1)


@pytest.mark.parametrize(("packed", "separator"), [("", "-"), (".gz", "-"), ("", "."), (".gz", ".")])
def test_reads_mnist_as_it_is_published(tmp_path: Path, packed: str, separator: str) -> None:
    folder = write_mnist(tmp_path / "raw", *DIGITS, packed=packed, separator=separator)
    dataset = load(folder)
    assert dataset.source == "raw, IDX files"
    assert dataset.labels == tuple("0123456789")
    for found, wanted in zip((dataset.train, dataset.test), DIGITS, strict=True):
        np.testing.assert_array_equal(found.images, wanted.images)
        np.testing.assert_array_equal(found.labels, wanted.shown)


def test_one_of_the_files_stands_for_all(mnist: Path) -> None:
    assert len(load(mnist / "t10k-labels-idx1-ubyte").train) == 30


@pytest.mark.parametrize(("split", "labels", "first"), [("letters", LETTERS, 1), ("balanced", BALANCED, 0)])
@pytest.mark.parametrize("mapped", [True, False])
def test_emnist_stands_upright_and_has_its_own_labels(
    tmp_path: Path, split: str, labels: str, first: int, mapped: bool
) -> None:
    train, test = characters(labels)
    folder = write_emnist(tmp_path / "gzip", split, train, test, first=first)
    if not mapped:
        (folder / f"emnist-{split}-mapping.txt").unlink()
    dataset = load(folder)
    assert dataset.source == f"emnist-{split}, IDX files"
    assert dataset.labels == tuple(labels)
    np.testing.assert_array_equal(dataset.train.images, train.images)
    np.testing.assert_array_equal(dataset.train.labels, train.shown)
    np.testing.assert_array_equal(dataset.test.images, test.images)


def test_a_class_of_two_characters_is_called_by_the_first(tmp_path: Path) -> None:
    """As in the published emnist-letters-mapping.txt."""
    folder = write_emnist(tmp_path, "letters", *characters(LETTERS), first=1)
    rows = (f"{number} {ord(letter)} {ord(letter.lower())}" for number, letter in enumerate(LETTERS, 1))
    (folder / "emnist-letters-mapping.txt").write_text("\r\n".join(rows))
    assert load(folder).labels == tuple(LETTERS)


def test_a_folder_of_several_sets_asks_for_one_and_takes_a_file_of_it(tmp_path: Path) -> None:
    write_emnist(tmp_path, "digits", *DIGITS)
    write_emnist(tmp_path, "letters", *characters(LETTERS), first=1)
    write_npz(tmp_path / "mine.npz", *DIGITS)
    with pytest.raises(
        DataError, match=r"several data sets: emnist-digits, emnist-letters, mine.npz; wanted the p"
    ):
        load(tmp_path)
    assert len(load(tmp_path / "emnist-letters-mapping.txt").labels) == 26
    assert len(load(tmp_path / "emnist-digits-test-images-idx3-ubyte.gz").labels) == 10


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("0 48\n1 49\n3 50\n", r"classes \[0, 1, 3\]; wanted .* without gaps"),
        ("0 48\n0 49\n", r"classes \[0, 0\]; wanted .* without gaps"),
        ("0 zero\n", r"invalid literal .*'zero'; wanted lines of numbers"),
        ("0\n", r"rows \[\[0\]\]; wanted"),
        ("0 7\n", r"rows \[\[0, 7\]\]; wanted"),
        ("", r"rows \[\]; wanted"),
        ("ä", r"can't decode byte .*; wanted lines of numbers"),
        ("0 48\n1 49\n", r"labels-idx1-ubyte.gz: labels from 0 to 9; wanted 0 to 1"),
    ],
)
def test_a_mapping_that_is_none_is_refused(tmp_path: Path, mapping: str, message: str) -> None:
    write_emnist(tmp_path, "digits", *DIGITS)
    (tmp_path / "emnist-digits-mapping.txt").write_text(mapping, "utf-8")
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_an_unknown_split_needs_its_mapping(tmp_path: Path) -> None:
    write_emnist(tmp_path, "own", *DIGITS)
    assert load(tmp_path).labels == tuple("0123456789")
    (tmp_path / "emnist-own-mapping.txt").unlink()
    with pytest.raises(
        DataError, match=r"emnist-own-mapping.txt is missing; wanted it, or .*balanced, byclass"
    ):
        load(tmp_path)


@pytest.mark.parametrize("missing", ["t10k-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_says_which_file_is_missing(mnist: Path, missing: str) -> None:
    (mnist / missing).unlink()
    with pytest.raises(
        DataError, match=rf"{mnist}: {missing} is missing; wanted images and labels to train on"
    ):
        load(mnist)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-images-idx3-ubyte", DIGITS[0].shown, "magic number 0x00000801; wanted 0x00000803"),
        ("train-labels-idx1-ubyte", DIGITS[0].images, "magic number 0x00000803; wanted 0x00000801"),
        ("train-images-idx3-ubyte", DIGITS[0].images[:, :20], r"shape \(30, 20, 28\); wanted \(N, 28, 28\)"),
        ("train-images-idx3-ubyte", 255 - DIGITS[0].images, r"mean brightness .*; wanted white ink on black"),
        (
            "train-labels-idx1-ubyte",
            DIGITS[0].shown[:29],
            r"shape \(29,\); wanted \(30,\), one for each image",
        ),
        ("train-labels-idx1-ubyte", DIGITS[0].shown % 9, r"t10k.*: labels from 0 to 9; wanted 0 to 8"),
        ("t10k-labels-idx1-ubyte", DIGITS[1].shown * 25, r"t10k.*: labels from 0 to 225; wanted 0 to 9"),
    ],
)
def test_refuses_what_does_not_belong_together(
    mnist: Path, name: str, array: np.ndarray, message: str
) -> None:
    write_idx(mnist / name, array)
    with pytest.raises(DataError, match=message):
        load(mnist)


@pytest.mark.parametrize("name", AS_PUBLISHED)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-5], r"[\d,]+ bytes after the header; wanted [\d,]+, for the 30"),
        (lambda content: content + b"?", r"more bytes; wanted [\d,]+, for the 30"),
        (lambda content: content[:6], r"it ends in its header; wanted the lengths of \d dimensions"),
        (lambda content: b"", r"magic number 0x; wanted"),
        (lambda content: b"\x00\x00\x0d" + content[3:], r"magic number 0x00000d0\d; wanted 0x0000080\d"),
        (
            lambda content: content[:4] + b"\xff" * (len(content) - 4),
            r"an array of [\d,]{13,} bytes; wanted at most",
        ),
    ],
)
def test_refuses_damaged_files(mnist: Path, name: str, change: object, message: str) -> None:
    file = mnist / name
    file.write_bytes(change(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(DataError, match=rf"{file}: {message}"):
        load(mnist)


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip at all",
        gzip.compress(b"\x00\x00\x08\x03" + b"x" * 999, mtime=0)[:-20],
        gzip.compress(b"", mtime=0)[:12],
    ],
    ids=["other bytes", "cut off", "no end"],
)
def test_refuses_damaged_packing(tmp_path: Path, content: bytes) -> None:
    folder = write_mnist(tmp_path / "mnist", *DIGITS)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"ubyte.gz: (damaged|magic|an array|it ends)"):
        load(folder)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "mnist", *DIGITS)
    honest = bytes((0, 0, 8, 3)) + np.array((1, 28, 28), ">u4").tobytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(honest + bytes(50_000_000), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"more bytes; wanted 784, for the 1 x 28 x 28"):
        load(folder)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000
