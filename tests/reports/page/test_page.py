"""The page as text: the same bytes for the same records, well formed, alone in the world, and nothing in it runs."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from pathlib import Path

import pytest

from reports.page.build import render_page
from reports.page.facts import Facts
from reports.page.section import Section
from reports.page.sections import SECTIONS
from reports.page.words import visible
from tests.reports.page.facts import HOSTILE, facts_of, hostile_facts, small_expectation, small_facts, small_records
from tests.reports.page.markup import Seen, read_markup

GOLDEN = Path(__file__).parent / "golden.html"


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(small_facts())


@pytest.fixture(scope="module", params=["small", "hostile", "empty"])
def seen(request: pytest.FixtureRequest) -> Seen:
    made = {"small": small_facts, "hostile": hostile_facts, "empty": lambda: facts_of([])}
    return read_markup(render_page(made[request.param]()))


def test_page_of_fixed_records_is_the_golden_file(page: str) -> None:
    """Where a change of the page is meant: `python -m tests.reports.page` writes the golden file anew."""
    assert page == GOLDEN.read_text("utf-8")


def test_page_does_not_depend_on_the_order_of_records(page: str) -> None:
    records = small_records()
    random.Random(1).shuffle(records)
    assert render_page(facts_of(records, small_expectation(), trials=48, unit="GPU-hours")) == page


def test_page_is_well_formed(seen: Seen) -> None:
    assert seen.faults == []


def test_every_id_is_unique_and_every_link_leads_to_one(seen: Seen) -> None:
    assert len(seen.ids) == len(set(seen.ids))
    assert {address.removeprefix("#") for address in seen.addresses} <= set(seen.ids)


def test_page_refers_to_nothing_outside_of_itself(seen: Seen) -> None:
    assert all(address.startswith("#") for address in seen.addresses)
    assert not {"img", "link", "iframe", "object", "embed", "base", "form"} & set(seen.tags)


def test_page_has_one_script_one_style_and_no_handler(seen: Seen) -> None:
    assert (seen.tags.count("script"), seen.tags.count("style"), seen.handlers) == (1, 1, [])


def test_policy_allows_the_page_s_own_script_and_style_alone(page: str) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    policy = policy.replace("&#39;", "'")
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_shown_as_it_is(name: str) -> None:
    seen = read_markup(render_page(hostile_facts()))
    assert seen.text.count(str(visible(name))) > 5


def test_characters_that_are_not_seen_are_spelt_out() -> None:
    page = render_page(hostile_facts())
    assert not set("\u202e\u2066\x1b\x00") & set(page)
    assert r"\u202egnp.live\u2066 \x1b[31m\x00" in page


def test_half_of_a_surrogate_pair_can_be_written() -> None:
    assert r"\ud83d" in render_page(facts_of([], grid="\ud83d")).encode().decode()


def test_section_of_another_kind_stands_where_the_list_has_it(page: str) -> None:
    def make(facts: Facts) -> Section:
        return Section(anchor="claims", title="Claims", template="provenance.html", values=_provenance(facts))

    found = read_markup(render_page(small_facts(), (make, *SECTIONS[:1])))
    assert [name for name in found.ids if name in ("claims", "answer", "transfer")] == ["claims", "answer"]


def _provenance(facts: Facts) -> dict[str, object]:
    return dict(SECTIONS[-1](facts).values)


def test_page_of_no_record_says_so() -> None:
    assert "No trial has a record yet." in render_page(facts_of([]))
