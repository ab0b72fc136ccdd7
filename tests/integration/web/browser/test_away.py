"""The page where the digit server, or what the browser keeps, is away."""

from pathlib import Path

from in_chromium import EXAMPLES, MARKS, PAGE, Open, draw, opened
from playwright.sync_api import Browser, expect
from server_process import ServerProcess
from web_process import web_process

pytestmark = MARKS


def test_where_the_browser_keeps_nothing_the_page_works(open_page: Open) -> None:
    page = open_page()
    refusing = "{ get() { throw new DOMException('', 'SecurityError'); } }"
    page.add_init_script(f"Object.defineProperty(window, 'localStorage', {refusing})")
    page.reload()
    expect(page.locator("#canvas")).to_be_visible()
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


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
            page.locator("#files").set_input_files(EXAMPLES / "7-green-ink.png")
            page.locator("#page-files").set_input_files(PAGE)
            expect(page.locator("#status-text")).to_have_text("server not ready")
            expect(page.locator("#summary")).to_have_text("1 picture · 1 could not be read")
            expect(page.locator(".page-state")).to_contain_text("no server answers")
            with ServerProcess(bundled_models, port=port):
                expect(page.locator("#summary")).to_have_text("1 picture")
                expect(page.locator(".correct")).to_have_value("7")
                expect(page.locator(".string-text").first).to_have_value("4071836")
