"""A real browser for the tests of pages: Chromium, driven by Playwright; without one they are skipped."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or importlib.util.find_spec("playwright") is None, reason="Chromium or Playwright is not installed"
)
DESKTOP, PHONE = (1280, 900), (390, 844)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Heard:
    """What a page did while it was open: words on the console, faults, requests, dialogs."""

    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, path: Path, size: tuple[int, int] = DESKTOP, **more: Any) -> Iterator[tuple[Page, Heard]]:
    """A page from its file, in a window of this size."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **more)
    page, heard = context.new_page(), Heard()
    page.on("console", lambda message: heard.said.append(message.text))
    page.on("pageerror", lambda error: heard.said.append(str(error)))
    page.on("dialog", lambda dialog: (heard.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: heard.requests.append(request.url))
    page.goto(path.as_uri())
    yield page, heard
    context.close()
