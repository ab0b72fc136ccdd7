"""The page of the web client in a real Chromium: how a test opens it, and draws on it."""

import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from render import spline

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MARKS = [
    pytest.mark.skipif(
        CHROMIUM is None and "DIGITSERVE_NEED_CHROMIUM" not in os.environ, reason="needs Chromium"
    ),
    pytest.mark.timeout(300),
]
"""Of every test module that opens the page."""

EXAMPLES = Path(__file__).parents[1] / "examples"
PAGE = EXAMPLES / "pages" / "meter-reading.jpg"
LETTERFORMS = tomllib.loads((EXAMPLES / "letterforms.toml").read_text())
DESKTOP = {"width": 1120, "height": 950}
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

Open = Callable[..., Page]
Keep = Callable[[Page, str], None]


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
