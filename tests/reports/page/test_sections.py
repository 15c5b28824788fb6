"""What the sections of a page say of records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.cells import Pair
from reports.frame import Expectation
from reports.languages_data import LANGUAGES, UNKNOWN, language
from reports.numbers import span
from reports.page.answer import answer_section
from reports.page.cost import cost_section
from reports.page.detail import detail_section
from reports.page.facts import Facts, Importance, Verdict
from reports.page.gaps import LONGEST, MOST, gaps_section
from reports.page.heatmap import Tile, heatmap_section, tint
from reports.page.language_tables import language_section
from reports.page.phases import phase_section
from reports.page.published import published_section
from reports.page.section import Section
from tests.reports.builders import record
from tests.reports.page.facts import facts_of, small_facts
from training.record import Status
from training.tasks.registry import ROWS
from training.world.languages import WORLD


def value(section: Section | None, name: str) -> object:
    assert section is not None
    return section.values[name]


def sentences(facts: Facts) -> str:
    (answer,) = value(answer_section(facts), "answers")
    return " ".join(answer.sentences)


def tiles(facts: Facts) -> dict[tuple[str, str], Tile]:
    (found,) = value(heatmap_section(facts), "maps")
    return {(name, target): tile for name, row, _ in found.rows for target, tile in zip(found.targets, row, strict=True)}


def pair_of(scores: dict[str, tuple[float, float]]) -> Facts:
    return facts_of(
        [record(task, {"xnli": mean}, seed=seed) for task, means in scores.items() for seed, mean in enumerate(means, 1)]
    )


def test_answer_with_a_sure_gain_names_task_target_size_and_interval() -> None:
    said = sentences(pair_of({"none": (60.0, 61.0), "mnli": (65.0, 66.2)}))
    assert "mnli helps xnli most: +5.1 points (95 % interval +3.8 to +6.4, about the seeds alone)" in said
    assert "Of 1 pair compared with no intermediate task: 1 gain." in said


def test_answer_without_a_sure_gain_says_so() -> None:
    said = sentences(pair_of({"none": (60.0, 61.0), "mnli": (60.0, 69.0)}))
    assert "No gain is sure: the largest is mnli on xnli, +4.0 points" in said
    assert "1 undecided" in said


def test_answer_prefers_a_sure_gain_to_a_larger_one_that_is_not() -> None:
    said = sentences(pair_of({"none": (60.0, 61.0), "mnli": (60.0, 99.0), "qqp": (61.0, 62.01)}))
    assert "qqp helps xnli most" in said


def test_answer_counts_collapses() -> None:
    assert "1 loss. 1 pair collapsed." in sentences(pair_of({"none": (60.0, 61.0), "qqp": (20.0, 21.0)}))


def test_answer_of_a_single_seed_without_evidence_claims_no_certainty() -> None:
    facts = facts_of([record("none", {"xnli": 60.0}), record("mnli", {"xnli": 66.0})])
    assert "no interval" in sentences(facts) and "helps" not in sentences(facts)


def test_answer_names_an_average_that_nothing_lifts() -> None:
    assert "none lifts it, least bad is mnli" in sentences(pair_of({"none": (60.0, 61.0), "mnli": (50.0, 51.0)}))


def test_cell_tells_value_sign_interval_and_verdict_without_its_colour() -> None:
    tile = tiles(small_facts())["mnli", "xnli"]
    assert (tile.value, tile.says, tile.tint) == ("+5.1", Verdict.HELPS, "p2")
    assert tile.interval == "+3.8 to +6.4"


def test_end_of_an_interval_that_is_not_zero_is_not_shown_as_zero() -> None:
    assert span(-1.14, -0.04) == "−1.1 to −0.04"
    assert (span(0.0, 0.004), span(-0.5, 12.0)) == ("0.0 to +0.004", "−0.5 to +12.0")


def test_gain_that_adjusted_p_values_do_not_leave_is_marked_and_counted() -> None:
    pairs = {"xnli": Pair("xlmr", "mnli", "xnli"), "panx": Pair("xlmr", "qqp", "panx")}
    facts = replace(small_facts(), adjusted={pairs["xnli"]: 0.06, pairs["panx"]: 0.04}, adjustment="Holm")
    found = tiles(facts)
    assert found["mnli", "xnli"].flags == ("not once adjusted",) and found["qqp", "panx"].flags == ("collapse",)
    (answer,) = value(answer_section(facts), "answers")
    assert answer.sentences[0].startswith("No gain is sure: the largest is mnli on xnli")
    assert "1 of 2 gains and losses stand when p-values are adjusted for 4 comparisons (Holm)" in answer.cautions[0]
    assert ("p, adjusted for all pairs of the model", "0.06 (Holm)") in _detail(facts, "mnli", "xnli").facts


def test_interval_of_an_average_is_shown_where_it_is_known() -> None:
    facts = replace(small_facts(), average_spans={("xlmr", "mnli", False): (-1.0, 6.5)})
    (found,) = value(heatmap_section(facts), "maps")
    averages = {name: tile[1] for name, _, tile in found.rows}
    assert (averages["mnli"].interval, averages["mnli"].says) == ("−1.0 to +6.5", "")
    assert (averages["qqp"].interval, averages["qqp"].says) == ("", "± 0.7")


def test_collapse_is_flagged() -> None:
    assert tiles(small_facts())["qqp", "panx"].flags == ("collapse",)


def test_incomplete_cell_says_how_far_it_is() -> None:
    expected = Expectation(seeds=(1, 2), settings={Pair("xlmr", task, "xnli"): 6 for task in ("none", "mnli")})
    records = [record("none", {"xnli": 60.0}, number=number, seed=seed) for number in range(6) for seed in (1, 2)]
    records += [record("mnli", {"xnli": 60.0}, number=number, seed=seed) for number in range(3) for seed in (1, 2)]
    tile = tiles(facts_of(records, expected))["mnli", "xnli"]
    assert (tile.value, tile.flags) == ("0.0", ("3 of 6 settings yet",))
    alone = tiles(facts_of(records[:13], expected))["mnli", "xnli"]
    assert (alone.value, alone.says) == ("…", "0 of 6 settings yet")


def test_average_that_lacks_a_cell_is_not_given() -> None:
    (found,) = value(heatmap_section(small_facts()), "maps")
    averages = {name: tile[0].value for name, _, tile in found.rows}
    assert averages["mnli"] == "…" and found.averages == ("average", "without retrieval")


def test_average_that_an_unequal_budget_enters_is_marked() -> None:
    expected = Expectation(seeds=(1,), settings={Pair("xlmr", task, "xnli"): 2 for task in ("none", "mnli")})
    records = [record("none", {"xnli": 60.0}, number=number) for number in (0, 1)] + [record("mnli", {"xnli": 61.0})]
    (found,) = value(heatmap_section(facts_of(records, expected)), "maps")
    assert [(name, tile.flags) for name, _, (tile,) in found.rows] == [("none", ()), ("mnli", ("unequal budgets",))]


@pytest.mark.parametrize(
    ("delta", "name"), [(None, "x"), (0.49, "z"), (-0.5, "n1"), (2.0, "p2"), (-6.0, "n3"), (15.0, "p4"), (-45.0, "n4")]
)
def test_tint_follows_size_and_sign(delta: float | None, name: str) -> None:
    assert tint(delta) == name


def test_failed_trial_is_listed_once_with_its_whole_reason() -> None:
    values = gaps_section(small_facts()).values
    ((trial, how, reason),) = values["failed"]
    assert (trial, how, reason) == ("xlmr-qqp-tatoeba-0-s1", "failed", "the loss was not finite\nat step 12")
    notes = [note for _, notes in values["notes"] for note in notes]
    assert notes and not [note for note in notes if "failed trial" in note or "no setting has every seed" in note]
    assert {(gap.intermediate, gap.target) for gap in values["gaps"]} == {("mnli", "tatoeba"), ("qqp", "tatoeba")}


def test_many_failures_with_long_reasons_make_no_large_page() -> None:
    reason = "boom " * 10_000
    failed = [record("mnli", {"xnli": 0.0}, number=number, status=Status.FAILED, reason=reason) for number in range(500)]
    values = gaps_section(facts_of(failed, damaged=["a record is damaged"] * 500)).values
    assert (len(values["failed"]), values["others"]) == (MOST, 500 - MOST)
    assert len(values["damaged"]) == MOST + 1 and values["damaged"][-1] == "and 300 others"
    assert all(LONGEST < len(said) < LONGEST + 50 for _, _, said in values["failed"])


def test_languages_are_grouped_and_english_stays_out_of_groups() -> None:
    blocks = value(language_section(small_facts()), "blocks")
    block = next(block for block in blocks if block.target == "xnli")
    groups = {(group.kind, group.name): group.codes for group in block.groups}
    assert groups["script", "Latn"] == ("de", "sw") and groups["family", "Afro-Asiatic"] == ("ar",)
    assert [kind for kind, _ in block.group_plots] == ["family", "script", "resources"]
    assert [row.about.code for row in block.rows] == ["en", "ar", "de", "sw"]
    assert ("none", "67.0", "58.0", "+9.0") in [(name, *map(_whole, rest)) for name, *rest in block.gaps]


def _whole(text: str) -> str:
    """A number with its decimals rounded away."""
    return f"{round(float(text)):{'+' if text.startswith('+') else ''}d}.0"


def test_every_language_of_the_benchmarks_is_in_the_table() -> None:
    rows = [row for row in ROWS.values() if row.target and not row.name.startswith("mini_")]
    assert {code for row in rows for code in row.languages} <= set(LANGUAGES)
    assert language("xx").family == UNKNOWN


def test_scripts_of_made_up_languages_are_those_of_the_world() -> None:
    codes = {"Latin": "Latn", "Cyrillic": "Cyrl", "Greek": "Grek", "Devanagari": "Deva", "Georgian": "Geor"}
    assert {one.code: codes[one.script] for one in WORLD} == {one.code: language(one.code).script for one in WORLD}


def test_hours_saved_are_those_of_phases_that_were_needed_again() -> None:
    rows = {row.role: row for row in value(phase_section(small_facts()), "rows")}
    intermediate = rows["intermediate"]
    assert (intermediate.needed, intermediate.different) == (19, 9)
    assert intermediate.saved == pytest.approx(10 * 12.5 / 3600)
    assert rows["pretrain"].trained == 0


def test_cost_counts_a_phase_of_a_pair_once_and_leaves_pretraining_out() -> None:
    (costs,) = value(cost_section(small_facts()), "costs")
    row = next(row for row in costs.rows if (row.intermediate, row.target) == ("mnli", "xnli"))
    assert row.trials == 4
    assert row.alone == pytest.approx(8 * 12.5 / 3600)
    assert row.spent == pytest.approx(4 * 33.5 / 3600)


def test_hours_count_the_share_of_a_gpu_that_a_study_has() -> None:
    facts = small_facts()
    half = replace(facts, shares={one.study: 0.5 for one in facts.records})
    whole = value(phase_section(facts), "rows")
    assert [row.hours_needed / 2 for row in whole] == [row.hours_needed for row in value(phase_section(half), "rows")]


def test_published_numbers_stand_beside_targets_of_the_study_alone() -> None:
    ((_, rows),) = value(published_section(small_facts()), "models")
    assert {row.known.target for row in rows} == {"xnli", "panx", "tatoeba"}
    assert {row.known.trust for row in rows} == {"published", "recalled"} and all(row.known.source for row in rows)
    best = next(row for row in rows if (row.known.target, row.known.intermediate) == ("xnli", "best"))
    assert (best.known.value, best.mine, best.task) == ("80.4", "65.3", "mnli")
    assert published_section(facts_of([record("none", {"mini_xnli": 60.0})])) is None


def test_importance_is_shown_where_there_is_one_and_its_absence_explained() -> None:
    facts = small_facts()
    detail = _detail(facts, "mnli", "xnli")
    assert detail.sensitivity.says == "No importance: fewer than two hyperparameters had more than one value."
    study = facts.of_pair[Pair("xlmr", "mnli", "xnli")][0].study
    known = replace(facts, importances={study: Importance(settings=30, shares={"intermediate.lr": 0.75, "target.lr": 0.25})})
    found = _detail(known, "mnli", "xnli").sensitivity
    assert (found.says, found.importances) == ("", (("intermediate.lr", "75 %"), ("target.lr", "25 %")))


def _detail(facts: Facts, name: str, target: str):
    found = value(detail_section(facts), "details")
    return next(one for one in found if (one.intermediate, one.target) == (name, target))


def test_settings_of_a_cell_have_the_chosen_one_first() -> None:
    settings = _detail(small_facts(), "mnli", "xnli").settings
    assert [(one.number, one.how) for one in settings] == [(1, "chosen"), (0, "run to its end")]
