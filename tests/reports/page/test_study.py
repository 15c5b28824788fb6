"""The section of the study, its plots, and its figures for a paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports.figures.canvas import styled
from reports.figures.study import study_figures
from reports.figures.writing import write_all
from reports.page.build import render_page
from reports.page.plots import bars_svg, plot_svg
from reports.page.study import study_section
from reports.studies.finding import Bars, Estimate, Plot, Spot, Strand
from tests.reports.five_studies import STUDIES
from tests.reports.page.facts import HOSTILE, hostile_study_facts, small_facts, study_facts

HOSTILE_WORDS = "<script>&\"'"


def test_page_of_a_grid_without_a_study_has_no_section_of_one() -> None:
    facts = small_facts()
    assert facts.finding is None and study_section(facts) is None
    assert 'id="study"' not in render_page(facts)


@pytest.mark.parametrize("study", STUDIES)
def test_section_stands_after_the_answer_with_question_numbers_and_plots(study: str) -> None:
    facts = study_facts(study)
    text = render_page(facts, [study_section])
    assert facts.finding is not None and facts.finding.question in text
    assert text.count('<svg class="chart"') == len(facts.finding.plots) > 0
    assert "What would change it" in text and "Synthetic data" in text
    for one in facts.finding.headline:
        assert one.found is not None and one.ruling.value in text


def test_study_is_the_second_section() -> None:
    anchors = re.findall(r'<h2 id="([a-z]+)"', render_page(study_facts("model_scale")))
    assert anchors[:3] == ["answer", "study", "heatmap"] or anchors[:2] == ["answer", "study"]


def test_hostile_names_of_a_study_are_text() -> None:
    facts = hostile_study_facts()
    assert facts.finding is not None and facts.finding.headline
    text = render_page(facts, [study_section])
    assert text.count("<script>") == 1 and "<img" not in text and "window.hit=1;alert(1)" in text


def test_words_of_a_plot_are_text_and_strands_differ_without_colour() -> None:
    strands = tuple(
        Strand(name=HOSTILE_WORDS, spots=(Spot(1, 2, 1, 3), Spot(5, 4, 3, 5)), line=((1, 2), (5, 4))) for _ in range(3)
    )
    made = plot_svg(Plot(title=HOSTILE_WORDS, x=HOSTILE_WORDS, y=HOSTILE_WORDS, strands=strands))
    assert "<script>" not in made and "&lt;script&gt;&amp;&#34;&#39;" in made
    assert made.count('class="whisker"') == 6
    assert len(set(re.findall(r'class="line (l\d)"', made))) == 3
    forms = re.findall(r'class="spot s\d" d="M[\d.]+ [\d.]+([^"]+)"', made)
    assert len(forms) == 6 and len(set(forms)) == 3


def test_row_without_a_number_is_shown_as_one_that_lacks_it() -> None:
    made = bars_svg(Bars(title="gains", rows=(Estimate(name="a"), Estimate(name="b"))))
    assert made.count("…") == 2


def test_rows_whose_names_end_differently_are_told_apart() -> None:
    rows = tuple(Estimate(name=f"hellaswag, {family}") for family in ("encoder", "decoder", "encoder-decoder"))
    made = bars_svg(Bars(title="gains", rows=rows))
    assert all(f">{row.name}<" in made for row in rows)


@pytest.mark.parametrize("study", ["model_scale", "architecture"])
def test_figures_are_drawn_a_plot_each(study: str) -> None:
    finding = study_facts(study).finding
    assert finding is not None
    with styled():
        assert len(list(study_figures(finding))) == len(finding.plots)


def test_folder_of_figures_has_the_study_in_it_and_equal_findings_give_equal_bytes(tmp_path: Path) -> None:
    facts = study_facts("model_scale")
    written = [write_all([], {}, tmp_path / name, finding=facts.finding) for name in ("one", "other")]
    names = {path.name for path in written[0]}
    assert {"study.csv", "study-model_scale.pdf", "study-model_scale.svg", "study-model_scale-2.svg"} <= names
    for one, other in zip(*written, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert "semantic minus syntactic" in (tmp_path / "one" / "study-model_scale-2.svg").read_text("utf-8")


def test_hostile_names_are_known_to_the_study() -> None:
    finding = hostile_study_facts().finding
    assert finding is not None and any(HOSTILE[0] in one.name for one in finding.headline)
