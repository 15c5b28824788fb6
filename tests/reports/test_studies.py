"""The five studies' analyses find what is there, say undecided where it is not, and never average what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from reports.statistics.compare import compare
from reports.statistics.transfer import Arms
from reports.studies.analysis import Analysis, analyse
from reports.studies.design import Design
from reports.studies.finding import Bars, Estimate, Finding, Plot, Ruling, holm
from reports.studies.registry import ANALYSES, finding_of
from reports.studies.says import ruled
from reports.studies.sensitivity import seeds_needed, sensitivity
from reports.studies.show import finding_csv, finding_json, render_finding
from reports.studies.view import View, gain, view_of
from tests.reports.five_studies import (
    NO_FOLDER,
    STUDIES,
    Drawn,
    Made,
    architecture,
    dataset_size,
    model_scale,
    multilingual_xnli,
    records_of,
    tables_of,
    task_diversity,
)
from training.record import TrialRecord


def found(made: Made, *, noise: float = 0.1, records: Sequence[TrialRecord] = ()) -> Finding:
    records = records or records_of(made, noise=noise)
    finding = finding_of(made.design, tables_of(records), Arms(records, NO_FOLDER, lambda line: None), records)
    assert finding is not None
    return finding


def named(finding: Finding, name: str) -> Estimate:
    return next(one for one in finding.headline if one.name == name)


def seen(made: Made) -> View:
    records = records_of(made, noise=0.1)
    return view_of(made.design, tables_of(records), Arms(records, NO_FOLDER, lambda line: None))


@pytest.mark.parametrize("study", STUDIES)
def test_study_has_an_answer_with_numbers_plots_and_what_would_change_it(study: str) -> None:
    finding = found(STUDIES[study]())
    assert finding.study == study and finding.question.endswith("?") and finding.synthetic
    assert all("95 % interval" in sentence for sentence in finding.answer[:2])
    assert finding.headline and finding.plots and finding.sensitivity and finding.moved and finding.design
    assert any("above 0" in line or "without" in line.lower() for line in finding.sensitivity)


@pytest.mark.parametrize(
    ("made", "undecided"),
    [
        (dataset_size(0.0, 0.0), "whether size matters more"),
        (multilingual_xnli(0.0, 0.0), "against english alone is undecided"),
        (model_scale(0.0, 0.0), "whether scale amplifies or shrinks the gap is undecided"),
        (task_diversity(0.0, 0.0, spread=0.0, budgets=(20_000,)), "whether a further task helps is undecided"),
        (architecture(0.0, 0.0, 0.0), "is undecided"),
    ],
    ids=list(STUDIES),
)
def test_study_without_an_effect_is_undecided(made: Made, undecided: str) -> None:
    finding = found(made, noise=1.0)
    assert not [one.name for one in finding.headline if one.sure]
    assert any(undecided in sentence.lower() for sentence in finding.answer)
    assert any("more seeds" in line or "would tell it from 0" in line for line in finding.sensitivity)


def test_slopes_of_size_are_points_per_tenfold_and_their_difference_is_the_interaction() -> None:
    finding = found(dataset_size(1.5, 0.5))
    for name, truth in (
        ("multilingual pretraining", 1.5),
        ("English-only pretraining", 0.5),
        ("multilingual minus English-only", 1.0),
    ):
        one = named(finding, f"slope, {name}")
        assert one.found is not None and one.unit == "points per tenfold of examples" and one.ruling is Ruling.ABOVE
        assert one.found.low <= truth <= one.found.high
    assert {one.over for one in finding.headline} == {"all targets", "without retrieval"}


def test_exponent_of_a_curve_is_found_and_few_sizes_get_none() -> None:
    sizes = [1000 * 4**place for place in range(6)]
    fits = found(dataset_size(6.0, 6.0, exponent=0.6, sizes=sizes), noise=0.02).fits
    assert len(fits) == 4
    for one in fits:
        assert one.value == pytest.approx(0.6, abs=0.1) and one.low is not None and one.high is not None
        assert one.low <= 0.6 <= one.high
    few = found(dataset_size(sizes=(1000, 4000, 16000)))
    assert [one.value for one in few.fits] == [None] * 4 and "no curve is fitted below 4" in few.fits[0].says
    assert named(few, "slope, multilingual pretraining").found is not None


def test_setting_of_full_size_joins_the_curve_of_its_task() -> None:
    made = dataset_size()
    settings = dict(made.design.intermediates)
    settings["mnli_64000"] = replace(settings["mnli_64000"], budget=0, series="")
    curve = next(plot for plot in found(replace(made, design=replace(made.design, intermediates=settings))).plots)
    assert isinstance(curve, Plot) and [spot.x for spot in curve.strands[0].spots] == [1000, 4000, 16000, 64000]


def test_arms_of_languages_are_compared_by_group_at_each_size_and_flagged_where_not_zero_shot() -> None:
    finding = found(multilingual_xnli(2.0, 0.8, low=3.0))
    detail = next(one for one in finding.details if one.title == "all_50000 minus en_50000, 50,000 examples each")
    sizes = {one.over.partition(":")[0]: one.found.delta for one in detail.estimates if one.found}
    assert sizes["high"] == pytest.approx(2.0, abs=0.4) and sizes["low"] == pytest.approx(3.0, abs=0.4)
    assert {"trained on, not zero-shot", "zero-shot", "English itself"} <= set(sizes)
    assert any("2 of the 2 high-resource languages are not zero-shot: ar, de" in sentence for sentence in finding.answer)
    assert [one.name for one in finding.headline] == [
        f"{arm}_{size} minus en_{size}, {how}"
        for arm in ("all", "high")
        for size, how in (("50000", "50,000 examples each"), ("full", "in full"))
    ]


def test_groups_of_the_user_stand_in_for_resource_bands() -> None:
    made = multilingual_xnli()
    groups = {"sw": "a mine", "ar": "b yours"}
    finding = found(replace(made, design=replace(made.design, groups=groups)))
    assert {one.over for one in finding.headline} == {"a mine: 1 language"}
    assert dict(finding.design)["languages, other"] == "de, ht, tr"
    assert "Groups are those of a file: the question is answered on its first, a mine." in finding.notes


def test_gap_grows_shrinks_or_turns_with_scale() -> None:
    grows, shrinks, turned = (
        found(model_scale(slope, gap)).answer[0] for slope, gap in ((1.2, 3.0), (-1.2, 3.0), (-1.2, -3.0))
    )
    assert "grows with the model: +1." in grows and "shrinks with the model: −1." in shrinks
    assert "grows with the model: −1." in turned


def test_mixture_of_tagging_and_others_is_neither_syntactic_nor_semantic() -> None:
    made = model_scale()
    settings = dict(made.design.intermediates)
    settings["ccg"] = replace(settings["ccg"], tasks=("ccg", "mnli"), kinds=("tagging", "classification"))
    finding = found(replace(made, design=replace(made.design, intermediates=settings)))
    assert dict(finding.design)["syntactic settings"] == "udpos"
    assert "Neither semantic nor syntactic, so left out: ccg." in finding.notes


def test_returns_diminish_where_they_do_and_the_break_is_found() -> None:
    finding = found(task_diversity(0.8, 0.1, spread=0.1, budgets=(20_000,)))
    bend = named(finding, "the first step minus the last, xlmr, 20,000 examples")
    assert bend.ruling is Ruling.ABOVE
    place = next(one for one in finding.fits if "breaks" in one.name)
    assert place.value == pytest.approx(4.0, abs=0.5) and place.low is not None and place.low <= 4.0
    assert "a broken line fits better than a straight line" in finding.fits[0].says


def test_returns_that_do_not_diminish_are_a_straight_line() -> None:
    finding = found(task_diversity(0.4, 0.4, spread=0.0, budgets=(20_000,)), noise=0.4)
    assert named(finding, "a further task, xlmr, 20,000 examples").ruling is Ruling.ABOVE
    assert not named(finding, "the first step minus the last, xlmr, 20,000 examples").sure
    assert any("a straight line fits as well" in sentence for sentence in finding.answer)


def test_most_tasks_stand_against_the_best_single_one_with_as_much_and_with_more_data() -> None:
    finding = found(task_diversity(0.05, 0.0, data=3.0, spread=0.1))
    more = named(finding, "most tasks minus the best single one with more data, xlmr, 20,000 examples")
    assert more.ruling is Ruling.BELOW
    assert any("fall behind" in sentence and "with 4 times the examples" in sentence for sentence in finding.answer)
    assert "by English dev" in dict(finding.design)["best single task, xlmr, 20,000 examples"]


def test_one_order_of_tasks_says_that_another_is_not_in_the_intervals() -> None:
    finding = found(task_diversity(orders=1, budgets=(20_000,)))
    assert any("one order of tasks" in line for line in finding.notes)


def test_random_orders_widen_the_interval() -> None:
    made = task_diversity(0.5, 0.5, spread=2.0, budgets=(20_000,))
    (wide, narrow) = (
        named(found(one), "a further task, xlmr, 20,000 examples").found
        for one in (made, task_diversity(0.5, 0.5, spread=0.0, budgets=(20_000,)))
    )
    assert wide is not None and narrow is not None and wide.error > 2 * narrow.error


def test_families_are_compared_inside_their_group_and_by_language() -> None:
    finding = found(architecture(3.0, 1.0, 2.9, low=2.0))
    assert named(finding, "encoder minus decoder (size)").ruling is Ruling.ABOVE
    by_language = next(one for one in finding.details if one.title == "encoder minus decoder (size): each language")
    sizes = {one.name: one.found.delta for one in by_language.estimates if one.found}
    assert sizes["sw"] - sizes["de"] == pytest.approx(2.0, abs=0.01)
    assert all(
        one.adjusted is not None and one.found is not None and one.adjusted >= one.found.p for one in by_language.estimates
    )
    large = next(one for one in finding.details if one.title == "encoder minus decoder (size): languages at large").estimates[0]
    plain = named(finding, "encoder minus decoder (size)").found
    assert large.found is not None and plain is not None and large.found.error > plain.error


def test_models_of_other_groups_are_not_compared() -> None:
    made = architecture()
    models = dict(made.design.models)
    models["decoder"] = replace(models["decoder"], group="compute")
    finding = found(replace(made, design=replace(made.design, models=models)))
    assert [one.name for one in finding.headline if "minus" in one.name] == ["encoder minus encoder-decoder (size)"] * 2
    assert "Without a model of another family in their group, so left out: decoder." in finding.notes


def test_weighted_sum_of_two_points_is_their_comparison() -> None:
    made = replace(dataset_size(), targets=("xnli",))
    records = records_of(made)
    (table, *_) = [one for one in tables_of(records) if one.model == "xlmr"]
    arms = Drawn(made, records, np.random.default_rng(3), shift=0.5, items=80)
    cells = [table.cells[name]["xnli"] for name in ("mnli_4000", "none")]
    plain = compare(arms.of(cells[0]), arms.of(cells[1]))
    view = view_of(made.design, tables_of(records), arms)
    found = view.weighted(gain("xlmr", ["mnli_4000"]))
    assert found is not None and plain is not None and (found.seeds, found.items, found.covers) == (3, 80, plain.covers)
    for name in ("delta", "low", "high", "p", "seed_error", "item_error"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name))


def test_setting_that_misses_a_target_is_left_out_and_named() -> None:
    made = dataset_size()
    kept = [one for one in records_of(made, noise=0.1) if not (one.intermediate == "mnli_16000" and "panx" in one.targets)]
    finding = found(made, records=kept)
    curve = finding.plots[0]
    assert isinstance(curve, Plot) and all(spot.x != 16_000 for strand in curve.strands for spot in strand.spots)
    assert any("no trial yet: mnli_16000" in line for line in finding.notes)


def test_study_of_which_nothing_is_complete_says_so() -> None:
    made = model_scale()
    finding = found(made, records=[one for one in records_of(made) if one.intermediate == "none"])
    assert finding.headline == () and "Nothing can be said yet" in finding.answer[0]
    finding = found(made, records=[one for one in records_of(made) if one.intermediate != "none"])
    assert finding.headline == () and "`none`, which is not among the grid's `intermediates`" in finding.answer[0]


def test_what_is_missing_is_named_in_the_order_of_the_grid() -> None:
    made = dataset_size()
    notes = found(made, records=[one for one in records_of(made, noise=0.1) if one.intermediate != "mnli_16000"]).notes
    assert list(made.design.models) == ["xlmr", "roberta"]
    assert any("no trial yet: mnli_16000 (xlmr), mnli_16000 (roberta)" in line for line in notes)


def test_numbers_are_the_same_whatever_the_order_of_the_models_in_the_grid() -> None:
    made = architecture()
    turned = replace(made, design=replace(made.design, models=dict(reversed(made.design.models.items()))))
    one, other = (found(each, records=records_of(made, noise=0.3)) for each in (made, turned))
    families = [one.name for one in other.headline if one.over == "all targets" and one.name.startswith("gain")]
    assert families == [f"gain, {family} (size)" for family in ("encoder-decoder", "decoder", "encoder")]
    gains = {each.name: each.found for each in one.headline if each.name.startswith("gain")}
    assert gains == {each.name: each.found for each in other.headline if each.name.startswith("gain")}


def test_setting_with_fewer_examples_than_it_asked_for_is_named() -> None:
    made = dataset_size()
    settings = dict(made.design.intermediates)
    settings["squad_64000"] = replace(settings["squad_64000"], examples=50_000)
    notes = found(replace(made, design=replace(made.design, intermediates=settings))).notes
    assert any("fewer examples than were asked for" in line and "squad_64000 (50,000 of 64,000)" in line for line in notes)
    assert not any("fewer examples" in line for line in found(made).notes)


def test_settings_of_one_task_in_other_languages_are_curves_of_their_own() -> None:
    made = dataset_size()
    settings = {
        name: replace(one, series="", languages=("de",) if name.startswith("squad") else ("en",), tasks=("xnli_all",))
        for name, one in made.design.intermediates.items()
    }
    varied = dict(found(replace(made, design=replace(made.design, intermediates=settings))).design)
    assert {"examples of xnli_all", "examples of xnli_all in de"} <= varied.keys()


@pytest.mark.parametrize("slopes", [(1.5, 0.5), (0.0, 0.0)])
def test_seeds_that_all_give_the_same_decide_nothing(slopes: tuple[float, float]) -> None:
    finding = found(dataset_size(*slopes), noise=0.0)
    assert finding.headline and all(one.found is None and "chance is unknown" in one.why for one in finding.headline)
    assert "is undecided: not known" in finding.answer[0]


def test_estimate_that_only_its_adjustment_leaves_undecided_asks_for_no_more_seeds() -> None:
    made = found(dataset_size())
    one = named(made, "slope, multilingual pretraining")
    assert one.found is not None and one.ruling is Ruling.ABOVE
    lines = list(sensitivity([replace(one, adjusted=0.2)], [], {}))
    assert len(lines) == 1 and "its own interval leaves 0 out" in lines[0] and "seeds" not in lines[0]


def test_gains_over_numbers_of_tasks_are_drawn_also_where_chance_is_unknown() -> None:
    made = task_diversity(budgets=(20_000,))
    one, three = (found(replace(made, seeds=seeds), noise=0.01).plots for seeds in ((1,), (1, 2, 3)))
    for single, several in zip(one, three, strict=True):
        assert isinstance(single, Plot) and isinstance(several, Plot)
        for mine, other in zip(single.strands, several.strands, strict=True):
            assert [spot.y for spot in mine.spots] == pytest.approx([spot.y for spot in other.spots], abs=0.2)
            assert all(spot.low is None for spot in mine.spots) and all(spot.low is not None for spot in other.spots)


def test_arms_that_are_scored_in_english_alone_can_not_be_compared() -> None:
    finding = found(replace(multilingual_xnli(), languages=("en",)))
    assert finding.headline == () and "Not decidable" in finding.answer[0]
    assert all([each.over for each in one.estimates] == ["English itself: 1 language"] for one in finding.details)


def test_group_that_an_answer_is_about_stays_the_same_where_a_target_is_left_out() -> None:
    made = replace(multilingual_xnli(), targets=("xnli", "panx"))
    low = replace(made, targets=("panx",), languages=("en", "ht", "sw"))
    records = [*(one for one in records_of(made, noise=0.1) if one.targets == ("xnli",)), *records_of(low, noise=0.1)]
    moved = found(made, records=records).moved
    assert {one.without for one in moved} == {"target panx"}
    assert {one.estimate.over for one in moved} == {"high: 2 languages"}


def test_one_seed_without_evidence_has_no_estimates_and_says_why() -> None:
    finding = found(replace(model_scale(), seeds=(1,)))
    assert all(one.found is None and "chance is unknown" in one.why for one in finding.headline)


def test_study_that_rests_on_one_target_says_which() -> None:
    made = replace(model_scale(0.0, 0.0), targets=("a", "b", "c"))
    records = [
        replace(
            one,
            results=tuple(
                replace(
                    each,
                    mean=each.mean + 9.0,
                    languages={code: {"score": scores["score"] + 9.0} for code, scores in each.languages.items()},
                )
                for each in one.results
            ),
        )
        if one.targets == ("b",) and one.intermediate in ("mnli", "squad")
        else one
        for one in records_of(made, noise=0.05)
    ]
    lines = [line for line in found(made, records=records).sensitivity if line.startswith("mean gap")]
    assert any("single parts carry it" in line and "ithout target b it is" in line for line in lines)


@pytest.mark.parametrize("seed", range(2))
def test_adjusted_values_are_those_of_statsmodels(seed: int) -> None:
    from statsmodels.stats.multitest import multipletests

    finding = found(architecture(), noise=1.0 + seed)
    for over in ("all targets", "without retrieval"):
        mine = [one for one in finding.headline if one.over == over]
        theirs = multipletests([one.found.p for one in mine if one.found], method="holm")[1]
        assert [one.adjusted for one in mine] == pytest.approx(list(theirs))


def test_list_of_groups_of_languages_is_one_family() -> None:
    finding = found(multilingual_xnli(), noise=1.0)
    for detail in finding.details:
        known = [one for one in detail.estimates if one.found is not None]
        least = min(known, key=lambda one: one.found.p if one.found else 1.0)
        assert least.found is not None and least.adjusted == pytest.approx(min(1.0, len(known) * least.found.p))


def test_adjustment_passes_over_what_has_no_number() -> None:
    (one,) = holm([Estimate(name="a", why="no chance")])
    assert one.adjusted is None and one.ruling is Ruling.UNKNOWN


def test_seeds_that_are_needed_tell_the_estimate_from_nought() -> None:
    one = named(found(dataset_size(0.3, 0.1), noise=0.8), "slope, multilingual minus English-only").found
    assert one is not None and one.low < 0 < one.high
    needed = seeds_needed(one)
    assert needed is not None and needed > 3


def test_finding_is_shown_as_json_csv_and_text() -> None:
    finding = found(dataset_size())
    said = json.loads(finding_json(finding))
    assert said["study"] == "dataset_size" and len(said["headline"]) == len(finding.headline)
    lines = finding_csv(finding).splitlines()
    estimates = len(finding.headline) + sum(len(one.estimates) for one in finding.details) + len(finding.moved)
    assert len(lines) == 1 + estimates
    from rich.console import Console

    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: PTH123
    console.print(render_finding(finding))
    text = console.export_text()
    assert finding.question in text and "SYNTHETIC" in text and "What would change it" in text


def test_study_that_no_analysis_knows_has_no_finding() -> None:
    assert finding_of(Design(study="of_something_else"), [], Arms([], NO_FOLDER, lambda line: None), []) is None


def test_analysis_of_ones_own_is_a_few_functions() -> None:
    def headline(view: View) -> list[Estimate]:
        return [
            view.estimate(f"gain, {model.name}", gain(model.name, [one.name for one in view.settings(model.name)]), scope=scope)
            for scope in view.scopes
            for model in view.models
        ]

    def answer(view: View, estimates: Sequence[Estimate]) -> Iterator[str]:
        for one in estimates:
            yield ruled(one, f"{one.name}: helps", f"{one.name}: hurts", f"{one.name}: undecided")

    mine = Analysis(
        question="Does any setting help?",
        headline=headline,
        answer=answer,
        plots=lambda view: [Bars(title="Gain of each model", rows=tuple(headline(view)))],
    )
    made = architecture()
    records = records_of(made, noise=0.1)
    finding = analyse(mine, made.design, tables_of(records), Arms(records, NO_FOLDER, lambda line: None), records)
    assert finding.answer[0].startswith("gain, encoder: helps: +3.") and "architecture" in ANALYSES


def test_equal_records_give_equal_findings_in_any_order() -> None:
    made = architecture()
    records = records_of(made, noise=0.3)
    assert finding_json(found(made, records=records)) == finding_json(found(made, records=records[::-1]))
