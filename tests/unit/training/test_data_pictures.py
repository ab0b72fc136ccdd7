"""Pictures in folders, one for each class."""

from pathlib import Path

import numpy as np
import pytest
from data_files import Printed, printed, write_pictures
from digitserve_client.imaging import to_mnist
from digitserve_training.data import LabelledImages, load
from digitserve_training.errors import DataError
from PIL import Image, ImageOps

DRAWN = printed("7AbZ", 12)


def photos(drawn: Printed) -> dict[str, list[Image.Image]]:
    """By class: large, dark on light and in colour."""
    return by_class(
        drawn, lambda image: ImageOps.colorize(ImageOps.invert(image), "navy", "ivory").resize((90, 90))
    )


def by_class(drawn: Printed, seen: object = lambda image: image) -> dict[str, list[Image.Image]]:
    return {
        label: [seen(Image.fromarray(image)) for image in drawn.images[drawn.shown == index]]  # type: ignore[operator]
        for index, label in enumerate(drawn.labels)
    }


def rows(images: LabelledImages) -> set[bytes]:
    return {image.tobytes() for image in images.images}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".BMP", ".webp"])
def test_reads_training_and_test_folders(tmp_path: Path, suffix: str) -> None:
    write_pictures(tmp_path / "mine" / "train", photos(DRAWN), suffix)
    write_pictures(tmp_path / "mine" / "test", {"A": photos(DRAWN)["A"][:2]}, suffix)
    dataset = load(tmp_path / "mine")
    assert dataset.source == "mine, pictures"
    assert dataset.labels == ("7", "A", "Z", "b")
    assert np.bincount(dataset.train.labels).tolist() == [12, 12, 12, 12]
    assert dataset.test.labels.tolist() == [1, 1]


def test_pictures_are_prepared_as_a_users_are(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", photos(DRAWN))
    write_pictures(tmp_path / "test", photos(DRAWN))
    dataset = load(tmp_path)
    for label, image in zip(dataset.train.labels, dataset.train.images, strict=True):
        assert image.mean() < 80, dataset.labels[label]
    np.testing.assert_array_equal(dataset.test.images[0], to_mnist(tmp_path / "test" / "7" / "0.png"))


def test_pictures_in_mnists_form_stay_as_they_are(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", by_class(DRAWN))
    write_pictures(tmp_path / "test", by_class(DRAWN, ImageOps.invert))
    dataset = load(tmp_path)
    assert rows(dataset.train) == {image.tobytes() for image in DRAWN.images}
    assert dataset.test.images.mean() < 80


def test_without_test_pictures_a_tenth_of_each_class_is_held_out(tmp_path: Path) -> None:
    many = printed("AB", 30)
    write_pictures(tmp_path / "mine", by_class(many))
    dataset, again = load(tmp_path / "mine"), load(str(tmp_path / "mine"))
    assert dataset.source == "mine, pictures, a tenth of each class held out to test with"
    assert np.bincount(dataset.train.labels).tolist() == [27, 27]
    assert np.bincount(dataset.test.labels).tolist() == [3, 3]
    assert rows(dataset.train) | rows(dataset.test) == {image.tobytes() for image in many.images}
    assert dataset.test.sha256() == again.test.sha256()


def test_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    shown = by_class(printed("ABC", 2))
    write_pictures(tmp_path, {"10": shown["A"], "2": shown["B"], "1": shown["C"]})
    assert load(tmp_path).labels == ("1", "2", "10")


def test_hidden_files_and_folders_are_nobodys(tmp_path: Path) -> None:
    write_pictures(tmp_path, by_class(DRAWN))
    (tmp_path / ".git").mkdir()
    (tmp_path / "A" / ".DS_Store").write_bytes(b"?")
    (tmp_path / "README.md").write_text("mine")
    assert load(tmp_path).labels == ("7", "A", "Z", "b")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("A/notes.txt", b"", r"A: 'notes.txt' among the pictures; wanted files \.bmp, \.gif"),
        ("A/broken.png", b"no picture", r"A/broken.png: not a picture of a known format; wanted a picture"),
        ("A/broken.jpg", b"\xff\xd8\xff\xe0", r"A/broken.jpg: not a picture"),
    ],
)
def test_refuses_files_that_are_no_pictures(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    write_pictures(tmp_path, by_class(DRAWN))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


@pytest.mark.parametrize("side_px", [28, 60])
@pytest.mark.parametrize("level", [0, 255])
def test_refuses_blank_pictures(tmp_path: Path, side_px: int, level: int) -> None:
    write_pictures(tmp_path, by_class(DRAWN))
    Image.new("L", (side_px, side_px), level).save(tmp_path / "b" / "blank.png")
    found = "no digit in it: the picture is blank, too faint, or a whole page, which is for `read`"
    with pytest.raises(DataError, match=rf"b/blank.png: {found}; wanted a picture of"):
        load(tmp_path)


def test_refuses_a_folder_of_one_class(tmp_path: Path) -> None:
    write_pictures(tmp_path, {"A": by_class(DRAWN)["A"]})
    with pytest.raises(DataError, match=r"classes: 1; wanted 2 to 256"):
        load(tmp_path)


def test_refuses_an_empty_class(tmp_path: Path) -> None:
    write_pictures(tmp_path, by_class(DRAWN) | {"empty": []})
    with pytest.raises(DataError, match=r"empty: no picture in it; wanted files"):
        load(tmp_path)


def test_refuses_a_class_that_cannot_be_divided(tmp_path: Path) -> None:
    write_pictures(tmp_path, by_class(DRAWN) | {"C": [Image.fromarray(DRAWN.images[0])]})
    with pytest.raises(DataError, match=r"C: one picture; wanted one to learn from, one to test with"):
        load(tmp_path)


def test_refuses_test_pictures_of_an_unknown_class(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", by_class(DRAWN))
    write_pictures(tmp_path / "test", {"a": by_class(DRAWN)["A"]})
    with pytest.raises(DataError, match=r"test: a, which is not in train; wanted classes of train only"):
        load(tmp_path)


@pytest.mark.parametrize(("there", "missing"), [("train", "test"), ("test", "train")])
def test_says_which_part_is_missing(tmp_path: Path, there: str, missing: str) -> None:
    write_pictures(tmp_path / there, by_class(DRAWN))
    with pytest.raises(DataError, match=rf"no folder {missing}; wanted <label>/\*.png, or train/<label>"):
        load(tmp_path)


def test_more_classes_than_a_byte_can_count_are_refused(tmp_path: Path) -> None:
    one = Image.fromarray(DRAWN.images[0])
    write_pictures(tmp_path, {str(number): [one, one] for number in range(257)})
    with pytest.raises(DataError, match=r"classes: 257; wanted 2 to 256"):
        load(tmp_path)


def test_an_empty_folder_is_told_what_may_be_in_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{tmp_path}: no data of a known kind in it; wanted mnist or"):
        load(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(
        DataError, match=r"train: no folder of a class in it; wanted <label>/\*.png, or train/"
    ):
        load(tmp_path)
