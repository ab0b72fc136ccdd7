"""How the page looks, and is used by everyone: wide and narrow, in the dark, by keyboard."""

from pathlib import Path

import pytest
from in_chromium import EXAMPLES, MARKS, PAGE, Keep, Open, accessible, draw
from playwright.sync_api import Locator, expect

pytestmark = MARKS
PHONE = {"width": 390, "height": 844}


@pytest.mark.parametrize("width_px", [1120, 770, 390, 320])
def test_names_wrap_where_they_may(open_page: Open, tmp_path: Path, width_px: int) -> None:
    page = open_page(viewport={"width": width_px, "height": 900})
    page.get_by_role("tab", name="Pictures").click()
    names = ["7-alpha.png", "IMG_20240101_000123.png", f"{99 * 'x'}.png", "notes.txt"]
    for name in names:
        (tmp_path / name).write_bytes(PAGE.read_bytes())
        page.locator("#files").set_input_files(tmp_path / name)
    expect(page.locator("#summary")).to_have_text("4 pictures · 3 to check · 1 could not be read")
    assert broken_parts(page.locator(".results .name")) == names[2:3]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def broken_parts(elements: Locator) -> list[str]:
    """The parts of their texts that stand on more than one line."""
    parts: list[str] = elements.evaluate_all(
        """(elements) => {
            const range = new Range();
            const isBroken = (part) => (range.selectNode(part), range.getClientRects().length > 1);
            const parts = elements.flatMap((element) => [...element.childNodes]);
            return parts.filter(isBroken).map((part) => part.data);
        }"""
    )
    return parts


def test_a_phone_in_the_dark(open_page: Open, keep: Keep) -> None:
    page = open_page(viewport=PHONE, color_scheme="dark", has_touch=True, device_scale_factor=2)
    draw(page, 3)
    expect(page.locator("#digit")).to_have_text("3")
    page.wait_for_timeout(200)
    keep(page, "phone")
    page.get_by_role("tab", name="Pages").click()
    page.locator("#page-files").set_input_files(PAGE)
    expect(page.locator(".string-text")).to_have_count(9)
    keep(page, "phone-page")
    page.locator("#files").set_input_files(2 * sorted((EXAMPLES).glob("*.png"))[:6])
    expect(page.locator("#count")).to_have_text("12")
    for name in ("Draw", "Pictures", "Pages", "Model"):
        page.get_by_role("tab", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_that_axe_finds(open_page: Open, scheme: str) -> None:
    page = open_page(color_scheme=scheme, reduced_motion="reduce")
    draw(page, 2)
    expect(page.locator("#digit")).to_have_text("2")
    accessible(page)
    page.locator("#files").set_input_files(sorted((EXAMPLES).glob("1-*.png")))
    page.get_by_role("tab", name="Pictures").click()
    expect(page.locator(".correct:enabled")).to_have_count(3)
    accessible(page)
    page.get_by_role("tab", name="Pages").click()
    page.locator("#page-files").set_input_files(PAGE)
    expect(page.locator(".string-text")).to_have_count(9)
    accessible(page)
    page.get_by_role("tab", name="Model").click()
    expect(page.locator("#card h1")).to_be_visible()
    accessible(page)


def test_forced_colours_leave_the_bars_and_show_the_open_tab(open_page: Open) -> None:
    page = open_page(forced_colors="active")
    draw(page, 2)
    expect(page.locator("#digit")).to_have_text("2")
    colour = "element => getComputedStyle(element).backgroundColor"
    for part in (".bars .most .track span", ".dot"):
        assert page.locator(part).evaluate(colour) != page.locator("body").evaluate(colour), part
    lines = page.get_by_role("tab").evaluate_all(
        "tabs => tabs.map((tab) => getComputedStyle(tab).borderBottomWidth)"
    )
    assert lines == ["3px", "0px", "0px", "0px"]


def test_by_keyboard_alone(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("tab", name="Draw").focus()
    for name in ("Pictures", "Pages"):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
    page.locator("#page-files").set_input_files(PAGE)
    first = page.locator(".string-text").first
    expect(first).to_have_value("4071836")
    first.focus()
    page.keyboard.type("123")  # focus has selected what was there
    page.keyboard.press("Tab")
    expect(page.locator(".strings li").first).to_contain_text("was read as 4071836")
