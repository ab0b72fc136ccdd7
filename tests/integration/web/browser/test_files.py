"""Pictures and pages that are given to the page, and what is none."""

import csv
import io
from pathlib import Path

import pytest
from in_chromium import EXAMPLES, MARKS, PAGE, Open, accessible
from PIL import ExifTags, Image
from playwright.sync_api import expect

pytestmark = MARKS


def test_a_name_of_a_page_comes_back_as_it_was(open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / 'größe "7".jpg'
    file.write_bytes(PAGE.read_bytes())
    page = open_page()
    page.get_by_role("tab", name="Pages").click()
    page.locator("#page-files").set_input_files(file)
    expect(page.locator(".string-text")).to_have_count(9)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    rows = csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8")))
    assert {row["page"] for row in rows} == {file.name}


@pytest.mark.parametrize("kind", ["jpg", "webp"])
def test_boxes_stand_on_no_picture_that_lies(open_page: Open, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"turned.{kind}"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.open(PAGE).transpose(Image.Transpose.ROTATE_90).save(file, exif=exif)
    page = open_page()
    page.get_by_role("tab", name="Pages").click()
    page.locator("#page-files").set_input_files(file)
    expect(page.locator(".page-state")).to_contain_text("38 digits in 9 strings")
    picture = page.locator(".sheet-view")
    stands = "picture => picture.firstElementChild.naturalWidth === 1100"  # as browsers may turn WebP one day
    assert picture.is_visible() == picture.evaluate(stands)
    assert kind == "webp" or picture.is_visible()


def test_a_picture_of_several_digits_may_become_a_page(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("tab", name="Pictures").click()
    page.locator("#files").set_input_files([EXAMPLES / "7-green-ink.png", PAGE])
    expect(page.locator(".results .correct").first).to_have_value("7")
    page.get_by_role("button", name="Read as a page").click()
    expect(page.get_by_role("tab", name="Pages")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".string-text").first).to_have_value("4071836")


def test_what_is_no_picture_is_told(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    page.get_by_role("tab", name="Pictures").click()
    page.locator("#files").set_input_files([EXAMPLES / "7-green-ink.png", *no_pictures(tmp_path)])
    expect(page.locator("#summary")).to_have_text("5 pictures · 4 could not be read")
    names, remarks = page.locator(".results .name"), page.locator(".results .remarks")
    told = list(zip(names.all_text_contents(), remarks.all_text_contents(), strict=True))
    assert told == [("7-green-ink.png", ""), *NO_PICTURES.items()]
    accessible(page)
    page.get_by_role("tab", name="Pages").click()
    page.locator("#page-files").set_input_files(no_pictures(tmp_path))
    expect(page.locator(".page-state")).to_have_text([*reversed(NO_PICTURES.values())])
    accessible(page)


NO_PICTURES = {
    "notes.txt": "not a picture: .txt files cannot be read; PNG, JPEG and other pictures can",
    "form.pdf": "not a picture: .pdf files cannot be read; PNG, JPEG and other pictures can",
    "photo.heic": "not a picture of a known format",
    "scan.png": "not a picture of a known format",
}


def no_pictures(folder: Path) -> list[Path]:
    files = [folder / name for name in NO_PICTURES]
    for file in files:
        file.write_text("none")
    return files


def test_dropped_files_that_are_no_pictures_are_listed_too(open_page: Open) -> None:
    page = open_page()
    dropped = page.evaluate_handle(
        """() => {
            const dropped = new DataTransfer();
            dropped.items.add(new File(["none"], "notes.txt", { type: "text/plain" }));
            return dropped;
        }"""
    )
    page.dispatch_event("body", "drop", {"dataTransfer": dropped})
    expect(page.get_by_role("tab", name="Pictures")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".results .remarks")).to_have_text(NO_PICTURES["notes.txt"])


def test_a_dropped_folder_is_told(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    devtools = page.context.new_cdp_session(page)
    dropped = {"items": [], "files": [str(tmp_path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 500, "y": 400, "data": dropped})
    expect(page.locator(".results .remarks")).to_contain_text("cannot be opened: a folder")
