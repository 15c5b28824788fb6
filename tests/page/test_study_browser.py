"""The study's section in a real browser: no sideways scroll on a phone, contrast in both modes, no script needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reports.page.answer import answer_section
from reports.page.build import render_page
from reports.page.study import study_section
from tests.page.browser import DESKTOP, PHONE, chromium, needs_browser, opened
from tests.page.test_browser import CONTRAST, OPEN_ALL
from tests.reports.five_studies import STUDIES
from tests.reports.page.facts import hostile_study_facts, study_facts

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page a study, and one of hostile names."""
    folder = tmp_path_factory.mktemp("studies")
    facts = {study: study_facts(study) for study in STUDIES} | {"hostile": hostile_study_facts()}
    for name, one in facts.items():
        (folder / f"{name}.html").write_text(render_page(one, [answer_section, study_section]), "utf-8")
    return {name: folder / f"{name}.html" for name in facts}


@pytest.mark.parametrize("which", [*STUDIES, "hostile"])
def test_study_fits_a_phone_and_a_desktop(browser: Browser, pages: dict[str, Path], which: str) -> None:
    for size in (DESKTOP, PHONE):
        with opened(browser, pages[which], size) as (page, heard):
            page.evaluate(OPEN_ALL)
            assert page.evaluate("document.documentElement.scrollWidth") == size[0]
            assert heard.said == [] and heard.requests == [pages[which].as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["task_diversity", "architecture"])
def test_words_and_marks_of_a_study_have_contrast(browser: Browser, pages: dict[str, Path], which: str, scheme: str) -> None:
    with opened(browser, pages[which], PHONE, color_scheme=scheme) as (page, _):
        page.evaluate(OPEN_ALL)
        seen = page.evaluate(CONTRAST)
        assert seen["found"] == [] and seen["count"] > 100


def test_study_is_read_without_script_and_reached_by_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    with opened(browser, pages["model_scale"], java_script_enabled=False) as (page, _):
        page.locator("nav a[href='#study']").click()
        assert page.locator("section[aria-labelledby=study] summary").first.is_visible()
    with opened(browser, pages["model_scale"]) as (page, _):
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.closest('details').open")
        assert page.evaluate("[...document.querySelectorAll('svg[role=img]')].every(s => s.ariaLabel)")
        assert page.evaluate("document.querySelectorAll('th:not([scope])').length") == 0
