"""The report in a real browser: at both widths, in both modes, by keyboard, without script, on paper, against hostile names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reports.page.build import render_page
from reports.page.words import visible
from tests.page.browser import DESKTOP, PHONE, chromium, needs_browser, opened
from tests.reports.page.facts import HOSTILE, hostile_facts, small_facts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser
CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"
CLOSED = "document.querySelectorAll('details:not([open])').length"
A4 = 720
"""Its width in pixels of CSS, without the usual margins."""
MARKS = "document.querySelectorAll('.dot, .marks, .line, .bar-p, .bar-n, .axis, .zero, .whisker').length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(small_facts()), "utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(hostile_facts()), "utf-8")
    return path


def test_page_asks_the_network_for_nothing_and_says_nothing_on_the_console(browser: Browser, small: Path) -> None:
    with opened(browser, small) as (page, heard):
        page.evaluate(OPEN_ALL)
        page.locator("#theme").click()
        assert heard.requests == [small.as_uri()] and heard.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_all_text_has_the_contrast_of_wcag_aa(browser: Browser, small: Path, size: tuple[int, int], scheme: str) -> None:
    with opened(browser, small, size, color_scheme=scheme) as (page, _):
        page.evaluate(OPEN_ALL)
        seen = page.evaluate(CONTRAST)
        assert seen["found"] == [] and seen["count"] > 500


def test_contrast_check_sees_faint_text(browser: Browser, small: Path) -> None:
    with opened(browser, small) as (page, _):
        page.evaluate("document.querySelector('.answer').style.color = 'rgb(160, 160, 160)'")
        page.evaluate("document.querySelector('.tile.p2 b').style.color = 'rgb(90, 130, 200)'")
        assert {name for _, name, *_ in page.evaluate(CONTRAST)["found"]} == {"answer", ""}


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("which", ["small", "hostile"])
def test_page_never_scrolls_sideways(
    browser: Browser, request: pytest.FixtureRequest, size: tuple[int, int], which: str
) -> None:
    with opened(browser, request.getfixturevalue(which), size) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        page.evaluate(OPEN_ALL)
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]


def _tab_to(page: Page, chosen: str, most: int = 60) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.matches('{chosen}')"):
            return
    raise AssertionError(f"{most} presses of Tab did not reach {chosen}")


def test_keyboard_reaches_a_cell_follows_it_and_shows_where_it_is(browser: Browser, small: Path) -> None:
    with opened(browser, small) as (page, _):
        _tab_to(page, ".heat .p2 a")
        style = page.evaluate("(s => [s.outlineStyle, parseFloat(s.outlineWidth)])(getComputedStyle(document.activeElement))")
        assert style[0] == "solid" and style[1] >= 2
        page.keyboard.press("Enter")
        page.wait_for_function("document.activeElement.classList.contains('cell')")
        anchor = page.evaluate("location.hash.slice(1)")
        assert page.evaluate("document.activeElement.id") == anchor
        assert page.evaluate("document.activeElement.closest('details').open")


def test_first_stop_of_the_keyboard_skips_to_the_report(browser: Browser, small: Path) -> None:
    with opened(browser, small) as (page, _):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
        assert page.locator(".skip").bounding_box()["x"] >= 0


def test_cell_opens_what_lies_behind_it_without_script(browser: Browser, small: Path) -> None:
    with opened(browser, small, java_script_enabled=False) as (page, _):
        link = page.locator(".heat .p2 a").first
        target = page.locator(link.get_attribute("href") or "")
        assert not target.is_visible() and not page.locator("#theme").is_visible()
        link.click()
        target.wait_for(state="visible")


def test_button_changes_between_light_and_dark(browser: Browser, small: Path) -> None:
    with opened(browser, small, color_scheme="dark") as (page, _):
        seen = []
        for _ in range(3):
            seen.append((page.locator("#theme").inner_text(), page.evaluate("getComputedStyle(document.body).backgroundColor")))
            page.locator("#theme").click()
        assert [name for name, _ in seen] == ["Light", "Dark", "Light"]
        assert seen[0][1] == seen[2][1] != seen[1][1] == "rgb(255, 255, 255)"


def test_print_opens_the_languages_for_its_time_and_hides_what_paper_has_no_use_for(browser: Browser, small: Path) -> None:
    with opened(browser, small, color_scheme="dark") as (page, _):
        closed = page.evaluate(CLOSED)
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("document.querySelectorAll('details.printed[open]').length") == 3
        assert not page.locator("#theme").is_visible() and not page.locator("nav").is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.set_viewport_size({"width": A4, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth") == A4
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(CLOSED) == closed
        assert len(page.pdf(format="A4")) > 10_000


def test_charts_are_drawn_and_have_a_name(browser: Browser, small: Path) -> None:
    with opened(browser, small) as (page, _):
        page.evaluate(OPEN_ALL)
        assert page.evaluate(MARKS) > 50
        unnamed = "[...document.querySelectorAll('svg')].filter(s => s.getAttribute('role') !== 'img' || !s.ariaLabel).length"
        assert page.evaluate(unnamed) == 0


def test_tables_have_captions_and_header_cells_with_a_scope(browser: Browser, small: Path) -> None:
    with opened(browser, small) as (page, _):
        assert page.evaluate("[...document.querySelectorAll('table')].filter(t => !t.caption).length") == 0
        assert page.evaluate("document.querySelectorAll('th:not([scope])').length") == 0


def test_hostile_names_are_text_and_nothing_runs(browser: Browser, hostile: Path) -> None:
    with opened(browser, hostile) as (page, heard):
        page.evaluate(OPEN_ALL)
        for place in range(4):
            page.locator(".heat a").nth(place).click()
        text = page.evaluate("document.body.textContent")
        assert all(str(visible(name)) in text for name in HOSTILE)
        assert page.evaluate("typeof window.hit") == "undefined"
        assert page.evaluate("document.scripts.length") == 1 and page.evaluate("document.images.length") == 0
        assert heard.said == [] and heard.requests == [hostile.as_uri()]


def test_policy_stops_what_would_get_past_the_escaping(browser: Browser, small: Path, tmp_path: Path) -> None:
    harm = '<script>window.hit=1</script><img src="http://127.0.0.1:9/x" onerror="window.hit=2"><p style="color:red">x</p>'
    path = tmp_path / "harmed.html"
    path.write_text(small.read_text("utf-8").replace("</main>", f"{harm}</main>"), "utf-8")
    with opened(browser, path) as (page, heard):
        page.wait_for_function("document.images[0].complete")
        assert page.evaluate("typeof window.hit") == "undefined"
        assert not [said for said in heard.said if "Content Security Policy" not in said] and len(heard.said) >= 3
        assert page.evaluate("getComputedStyle(document.querySelector('main > p')).color") != "rgb(255, 0, 0)"
