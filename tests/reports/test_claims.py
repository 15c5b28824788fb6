"""Claims follow from differences and their intervals, and are left open where something is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports.claims.contrasts import _learned
from reports.claims.study import CLAIMS, MULTI, NINE, SINGLES
from reports.claims.verdicts import Ruling, Verdict
from tests.reports.builders import phase, record
from tests.reports.full_study import AS_PUBLISHED, judged, row, whole_study
from training.identity import Role, TaskUse

MLM = "xtreme_mlm"


def test_records_like_the_study_support_all_that_they_can_decide(tmp_path: Path) -> None:
    found = judged(whole_study(), tmp_path)
    rulings = {number: one.ruling for number, one in found.items()}
    assert rulings == {**{number: Ruling.SUPPORTED for number in (1, 2, 3, 4, 5, 7)}, 6: Ruling.UNDECIDED}
    (averages,) = found[1].found
    mean = sum(AS_PUBLISHED.values()) / len(NINE)
    for answer in averages.answers:
        assert answer.delta == pytest.approx(mean) and answer.low is not None and 0 < answer.low < mean
    assert [one.published.value for one in averages.answers if one.published] == [8.2, 7.5, 7.0]


def test_claims_have_the_numbers_of_the_study() -> None:
    assert [claim.number for claim in CLAIMS] == [1, 2, 3, 4, 5, 6, 7]
    assert len(SINGLES) == len(NINE) == 9 and {"mnli", "squad_v1"} == set(SINGLES) - MULTI


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({target: -0.5 for target in NINE}, 1),
        (AS_PUBLISHED | {"tatoeba": 5.0}, 3),
        (AS_PUBLISHED | {"tydiqa": -2.0}, 4),
        (AS_PUBLISHED | {"xnli": 3.0}, 4),
        ({target: -0.5 for target in NINE}, 5),
    ],
)
def test_differences_the_other_way_contradict_a_claim(changed: dict[str, float], number: int, tmp_path: Path) -> None:
    assert judged(whole_study(changed), tmp_path)[number].ruling is Ruling.CONTRADICTED


def test_mixture_below_one_of_its_tasks_contradicts_that_it_is_best(tmp_path: Path) -> None:
    assert judged(whole_study(multi=-1.0), tmp_path)[2].ruling is Ruling.CONTRADICTED


def test_gain_within_the_noise_of_seeds_is_left_open(tmp_path: Path) -> None:
    noisy = row("none", {}, noise=40) + [
        one for task in ("squad_v2", "mnli", "hellaswag") for one in row(task, {"xnli": 9.0}, noise=40)
    ]
    found = judged(noisy, tmp_path)[1]
    assert found.ruling is Ruling.UNDECIDED and not found.lack
    assert all(one.low is not None and one.low < 0 < (one.delta or 0) for one in found.found[0].answers)


def test_absence_of_significance_is_no_sign_that_xnli_does_not_benefit(tmp_path: Path) -> None:
    """An interval that holds both 0 and the smallest effect of interest leaves the question open."""
    records = whole_study()
    kept = [one for one in records if one.targets != ("xnli",)]
    for task in ("none", *SINGLES):
        kept += row(task, {}, targets=["xnli"], noise=20)
    benefit = judged(kept, tmp_path)[4].found[1]
    assert benefit.ruling is Ruling.UNDECIDED
    assert all((one.low or 0) < 0 < 1 < (one.high or 0) for one in benefit.answers)


def test_almost_every_task_stands_one_exception_and_not_two(tmp_path: Path) -> None:
    for bad, ruling in ((1, Ruling.SUPPORTED), (2, Ruling.CONTRADICTED)):
        records = row("none", {})
        for place, task in enumerate(SINGLES):
            records += row(task, AS_PUBLISHED | ({"bucc2018": 0.0} if place < bad else {}))
        assert judged(records, tmp_path)[3].ruling is ruling


def test_one_seed_decides_nothing_and_seeds_are_asked_for(tmp_path: Path) -> None:
    found = judged(whole_study(seeds=[1]), tmp_path)
    assert {one.ruling for number, one in found.items() if number < 7} == {Ruling.UNDECIDED}
    assert found[1].lack.seeds


def test_missing_rows_and_columns_are_named_as_a_grid_names_them(tmp_path: Path) -> None:
    records = [*row("none", {}, targets=["xnli"]), *row("mnli", {}, targets=["xnli"])]
    found = judged(records, tmp_path)
    assert found[1].lack.intermediates == ("squad_v2", "hellaswag")
    assert found[1].lack.targets == tuple(target for target in NINE if target != "xnli")
    assert found[6].lack.intermediates == ("mnli_mlm: [mnli, xtreme_mlm]", "xnli_all")
    assert found[2].lack.intermediates[0].startswith("multi_task: [anli_plus, qqp")


def test_unfinished_pair_is_named_and_keeps_the_average_open(tmp_path: Path) -> None:
    records = [one for one in whole_study() if not (one.intermediate == "mnli" and one.targets == ("panx",) and one.seed == 2)]
    found = judged(records, tmp_path)[1]
    assert found.ruling is Ruling.UNDECIDED and found.lack.unfinished == ("mnli → panx",)
    rulings = [one.ruling for one in found.found[0].answers]
    assert rulings == [Ruling.SUPPORTED, Ruling.UNDECIDED, Ruling.SUPPORTED]


def test_mixture_without_one_of_the_tasks_is_not_taken_for_all_nine(tmp_path: Path) -> None:
    fewer = row("multi_task", AS_PUBLISHED, tasks=sorted(MULTI - {"ccg"}))
    found = judged([*row("none", {}), *fewer], tmp_path)[2]
    assert found.ruling is Ruling.UNDECIDED and "ccg" in found.lack.intermediates[0]


def of_alternatives(mnli: float, mlm: float, translated: float) -> list[Verdict]:
    records = row("none", {})
    for name, tasks, gain in (("mnli", ["mnli"], mnli), ("b", ["mnli", MLM], mlm), ("xnli_all", ["xnli_all"], translated)):
        records += row(name, {target: gain for target in NINE}, tasks=tasks)
    return [judged(records, Path())[6]]


@pytest.mark.parametrize(
    ("gains", "ruling"),
    [
        ((5.0, 3.0, 3.0), Ruling.SUPPORTED),
        ((5.0, 6.0, 3.0), Ruling.CONTRADICTED),
        ((5.0, 3.0, 6.0), Ruling.CONTRADICTED),
        ((5.0, 5.0, 3.0), Ruling.UNDECIDED),
    ],
)
def test_english_training_is_compared_with_what_is_there_of_its_rivals(
    gains: tuple[float, float, float], ruling: Ruling
) -> None:
    (found,) = of_alternatives(*gains)
    assert found.ruling is ruling
    assert [len(one.answers) for one in found.found] == [1, 1]


def test_best_chain_is_chosen_on_english_dev_and_not_on_what_is_scored(tmp_path: Path) -> None:
    records = row("none", {}) + row("mnli", {"xnli": 9.0}, dev=60.0) + row("qqp", {"xnli": 2.0}, dev=80.0)
    (answer,) = judged(records, tmp_path)[5].found[0].answers
    assert "xnli after qqp" in answer.compares and "tatoeba after qqp" in answer.compares
    assert answer.delta == pytest.approx(2.0 / 9)


def test_other_languages_than_the_baseline_keep_a_claim_open(tmp_path: Path) -> None:
    records = []
    for one in whole_study():
        if one.intermediate == "mnli" and one.targets == ("xnli",):
            languages = {code: scores for code, scores in one.results[0].languages.items() if code != "sw"}
            one = replace(one, results=(replace(one.results[0], languages=languages),))
        records.append(one)
    found = judged(records, tmp_path)[1]
    assert found.ruling is Ruling.UNDECIDED and "sw in one of them" in found.lack.other[0]


def test_rows_that_were_passed_over_and_what_intervals_leave_out_are_named(tmp_path: Path) -> None:
    twice = row("mnli_again", AS_PUBLISHED, tasks=["mnli"])
    notes = judged([*row("none", {}), *row("mnli", AS_PUBLISHED), *twice], tmp_path)[1].notes
    assert "mnli_again trains on the same tasks as mnli, which is judged" in notes
    assert any("seeds alone" in note for note in notes) and any(note.startswith("scored on test: ") for note in notes)


def test_set_up_of_another_model_is_named_and_does_not_count(tmp_path: Path) -> None:
    found = judged(whole_study(), tmp_path, {"xlmr": "FacebookAI/xlm-roberta-base"})
    assert found[7].ruling is Ruling.UNDECIDED and not found[7].counts
    assert any("xlm-roberta-base" in note for note in found[1].notes)


def learned_by(intermediate: str, use: TaskUse) -> frozenset[str]:
    """What a row is taken to train on whose intermediate phase is on `use`."""
    made = phase(Role.INTERMEDIATE, use.task)
    trace = replace(made, identity=replace(made.identity, tasks=(use,)))
    return _learned(record(intermediate, {"xnli": 70.0}, phases=(trace,)))


def test_part_of_a_training_set_is_not_the_task_that_a_claim_is_about() -> None:
    english, several = (phase(Role.INTERMEDIATE, task).identity.tasks[0] for task in ("mnli", "xnli_all"))
    assert (learned_by("mnli", english), learned_by("arm", several)) == ({"mnli"}, {"xnli_all"})
    assert learned_by("mnli_1000", replace(english, examples=1000)) == {"mnli_1000"}
    assert learned_by("arm", replace(several, languages=("en", "de"))) == {"arm"}
