"""The page in a real Chromium: drawn on, given pictures and pages, without its server, on a phone.

Screenshots are kept in the folder of the test, or in that of DIGITSERVE_SCREENSHOTS, as those in docs/ were.
"""

import csv
import io
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import ExifTags, Image
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page, expect, sync_playwright
from render import spline
from server_process import ServerProcess
from web_process import web_process

from .conftest import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None and "DIGITSERVE_NEED_CHROMIUM" not in os.environ, reason="needs Chromium"
    ),
    pytest.mark.timeout(300),
]

PAGE = ROOT / "examples" / "pages" / "meter-reading.jpg"
LETTERFORMS = tomllib.loads((ROOT / "examples" / "letterforms.toml").read_text())
DESKTOP, PHONE = {"width": 1120, "height": 950}, {"width": 390, "height": 844}
NOTHING = "\N{EN DASH}"  # where a digit would stand
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # As root, as containers run, Chromium starts only without its sandbox; it opens nothing but our own page.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(bundled: str, bundled_models: Path) -> Iterator[str]:
    with web_process(bundled, "--models", str(bundled_models)) as address:
        yield address


@contextmanager
def opened(browser: Browser, address: str, errors: list[str], **options: object) -> Iterator[Page]:
    context = browser.new_context(**({"viewport": DESKTOP} | options))  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: errors.extend(outside(request.url, address)))
    page.goto(address)
    yield page
    context.close()


def is_error(message: ConsoleMessage) -> bool:
    """Chromium itself notes every answer that is a problem; the page tells those in its own way."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def outside(url: str, address: str) -> list[str]:
    return [] if url.startswith((address, "blob:", "data:")) else [f"asks {url}"]


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page; nothing of what it does may be an error on the console or ask another address."""
    errors: list[str] = []
    contexts = []

    def open_page(**options: object) -> Page:
        context = opened(browser, address, errors, **options)
        contexts.append(context)
        return context.__enter__()

    yield open_page
    for context in contexts:
        context.__exit__(None, None, None)
    assert errors == []


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[Page, str], None]:
    """Keeps a screenshot."""
    folder = Path(os.environ.get("DIGITSERVE_SCREENSHOTS", tmp_path))

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return keep


def draw(page: Page, digit: int) -> None:
    """With the mouse, stroke by stroke."""
    frame = page.locator("#canvas").bounding_box()
    assert frame
    height = 0.62 * frame["height"]
    left, top = frame["x"] + 0.33 * frame["width"], frame["y"] + 0.19 * frame["height"]
    for stroke in next(iter(LETTERFORMS[str(digit)].values())):
        for place, (x, y) in enumerate(spline(np.array(stroke))[::9]):
            page.mouse.move(left + x * height, top + y * height)
            if place == 0:
                page.mouse.down()
        page.mouse.up()


def accessible(page: Page) -> None:
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []


def test_each_of_the_ten_digits_is_drawn_and_read(open_page: Open, keep: Callable[[Page, str], None]) -> None:
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


def test_a_page_is_read_corrected_and_taken_away(open_page: Open, keep: Callable[[Page, str], None]) -> None:
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


def test_corrections_are_not_lost_without_a_question(open_page: Open) -> None:
    page = open_page()
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("tab", name="Pictures").click()
    page.locator("#files").set_input_files(ROOT / "examples" / "7-green-ink.png")
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
    page.locator("#files").set_input_files([ROOT / "examples" / "7-green-ink.png", PAGE])
    expect(page.locator(".results .correct").first).to_have_value("7")
    page.get_by_role("button", name="Read as a page").click()
    expect(page.get_by_role("tab", name="Pages")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".string-text").first).to_have_value("4071836")


def test_what_is_no_picture_is_told(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    page.get_by_role("tab", name="Pictures").click()
    page.locator("#files").set_input_files([ROOT / "examples" / "7-green-ink.png", *no_pictures(tmp_path)])
    expect(page.locator("#summary")).to_have_text("5 pictures · 4 could not be read")
    names, remarks = page.locator(".results .name"), page.locator(".results .remarks")
    told = list(zip(names.all_text_contents(), remarks.all_text_contents(), strict=True))
    assert told == [("7-green-ink.png", ""), *NO_PICTURES.items()]
    accessible(page)
    page.get_by_role("tab", name="Pages").click()
    page.locator("#page-files").set_input_files(no_pictures(tmp_path))
    expect(page.locator(".page-state")).to_have_text([*reversed(NO_PICTURES.values())])
    accessible(page)


def test_where_the_browser_keeps_nothing_the_page_works(open_page: Open) -> None:
    page = open_page()
    refusing = "{ get() { throw new DOMException('', 'SecurityError'); } }"
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {refusing})")
    page.reload()
    expect(page.locator("#canvas")).to_be_visible()
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


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


def test_a_phone_in_the_dark(open_page: Open, keep: Callable[[Page, str], None]) -> None:
    page = open_page(viewport=PHONE, color_scheme="dark", has_touch=True, device_scale_factor=2)
    draw(page, 3)
    expect(page.locator("#digit")).to_have_text("3")
    page.wait_for_timeout(200)
    keep(page, "phone")
    page.get_by_role("tab", name="Pages").click()
    page.locator("#page-files").set_input_files(PAGE)
    expect(page.locator(".string-text")).to_have_count(9)
    keep(page, "phone-page")
    page.locator("#files").set_input_files(2 * sorted((ROOT / "examples").glob("*.png"))[:6])
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
    page.locator("#files").set_input_files(sorted((ROOT / "examples").glob("1-*.png")))
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


def test_the_server_goes_and_comes_back(browser: Browser, bundled_models: Path) -> None:
    errors: list[str] = []  # a page without its server has some
    with ServerProcess(bundled_models) as server, web_process(server.target, "--timeout-s", "1") as address:
        port = server.port
        with opened(browser, address, errors) as page:
            expect(page.locator("#status-text")).to_have_text("digits/2 ready")
            server.stop()
            draw(page, 4)
            expect(page.locator("#status-text")).to_have_text("server not ready")
            expect(page.locator("#sure")).to_have_text("No answer")
            with ServerProcess(bundled_models, port=port):
                expect(page.locator("#status-text")).to_have_text("digits/2 ready")
                expect(page.locator("#digit")).to_have_text("4")
    assert not [error for error in errors if "asks" in error]


def test_what_was_dropped_while_the_server_was_gone_is_read_when_it_is_back(
    browser: Browser, bundled_models: Path
) -> None:
    errors: list[str] = []
    with ServerProcess(bundled_models) as server, web_process(server.target, "--timeout-s", "0.3") as address:
        port = server.port
        with opened(browser, address, errors) as page:
            expect(page.locator("#status-text")).to_have_text("digits/2 ready")
            server.stop()
            page.locator("#files").set_input_files(ROOT / "examples" / "7-green-ink.png")
            page.locator("#page-files").set_input_files(PAGE)
            expect(page.locator("#status-text")).to_have_text("server not ready")
            expect(page.locator("#summary")).to_have_text("1 picture · 1 could not be read")
            expect(page.locator(".page-state")).to_contain_text("no server answers")
            with ServerProcess(bundled_models, port=port):
                expect(page.locator("#summary")).to_have_text("1 picture")
                expect(page.locator(".correct")).to_have_value("7")
                expect(page.locator(".string-text").first).to_have_value("4071836")
