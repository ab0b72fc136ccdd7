"""The page in a browser, of the bundled model.

Screenshots are kept in the folder of the test, or in that of DIGITSERVE_SCREENSHOTS, as those in docs/ were.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_chromium import CHROMIUM, Keep, Open, opened
from playwright.sync_api import Browser, Page, sync_playwright
from web_process import web_process


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
def keep(tmp_path: Path) -> Keep:
    """Keeps a screenshot."""
    folder = Path(os.environ.get("DIGITSERVE_SCREENSHOTS", tmp_path))

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return keep
