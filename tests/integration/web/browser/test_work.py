"""Drawing, reading, correcting and taking away, with the mouse."""

import csv
import io
from pathlib import Path

from in_chromium import EXAMPLES, MARKS, PAGE, Keep, Open, draw
from playwright.sync_api import Dialog, Page, expect

pytestmark = MARKS
NOTHING = "\N{EN DASH}"  # where a digit would stand


def test_each_of_the_ten_digits_is_drawn_and_read(open_page: Open, keep: Keep) -> None:
    page = open_page()
    for digit in range(10):
        draw(page, digit)
        expect(page.locator("#digit")).to_have_text(str(digit))
        expect(page.locator("#fact-model")).to_have_text("digits/2")
        expect(page.locator(".bars .most b")).to_have_text(str(digit))
        if digit == 5:
            page.wait_for_timeout(200)  # the bars move
            keep(page, "draw")
        page.keyboard.press("c")
        expect(page.locator("#digit")).to_have_text(NOTHING)


def test_a_page_is_read_corrected_and_taken_away(open_page: Open, keep: Keep) -> None:
    page = open_page()
    page.get_by_role("tab", name="Pages").click()
    page.locator("#page-files").set_input_files(PAGE)
    strings = page.locator(".string-text")
    expect(strings).to_have_count(9)
    assert [field.input_value() for field in strings.all()][:3] == ["4071836", "29514", "70438"]
    expect(page.locator(".page-state")).to_contain_text("38 digits in 9 strings")
    keep(page, "page")
    page.locator(".digit-box").first.click(force=True)
    page.keyboard.type("19")
    expect(strings.first).to_have_value("1971836")
    page.keyboard.press("Escape")
    strings.nth(1).fill("2951")
    strings.nth(1).press("Enter")
    expect(page.locator(".strings li").nth(1)).to_contain_text("corrected, was read as 29514")
    page.locator(".digit-box").nth(9).click(force=True)  # of five digits, which are four now
    expect(strings.nth(1)).to_be_focused()
    expect(page.locator(".fix")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert [row["text"] for row in rows][:3] == ["1971836", "2951", "70438"]
    assert [row["read_as"] for row in rows][:2] == ["4071836", "29514"]
    assert [row["corrected"] for row in rows][:3] == ["true", "true", "false"]
    assert (rows[0]["page"], rows[0]["model"]) == (PAGE.name, "digits/2")


def test_no_two_drawings_have_the_same_name(open_page: Open) -> None:
    page = open_page()
    for _ in range(2):
        keep_a_digit(page)
    page.get_by_role("tab", name="Pictures").click()
    page.get_by_role("button", name="Remove drawing-1.png").click()
    page.get_by_role("tab", name="Draw").click()
    keep_a_digit(page)
    expect(page.locator(".results .name")).to_have_text(["drawing-2.png", "drawing-3.png"])


def keep_a_digit(page: Page) -> None:
    draw(page, 2)
    page.keyboard.press("k")
    expect(page.locator("#sure")).to_have_text("Nothing drawn yet")


def test_corrections_are_not_lost_without_a_question(open_page: Open) -> None:
    page = open_page()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("tab", name="Pictures").click()
    page.locator("#files").set_input_files(EXAMPLES / "7-green-ink.png")
    page.locator(".correct").fill("1")
    page.locator(".correct").press("Enter")
    page.get_by_role("link", name="HTTP API").click()
    expect(page.locator(".remarks")).to_have_text("corrected, was read as 7")
    assert asked == ["beforeunload"]
    with page.expect_download():
        page.get_by_role("button", name="Download CSV").click()
    page.reload()
    expect(page.locator("#list")).to_be_hidden()
    assert asked == ["beforeunload"]
