"""How sure numbers are and what claims come to, as the page says it."""

from __future__ import annotations

from reports.page.certainty import certainty_section
from reports.page.claims import claims_section
from reports.page.rankers import rankers_section
from reports.ranking.judging import Signals
from tests.reports.builders import record
from tests.reports.full_study import AS_PUBLISHED, row, whole_study
from tests.reports.page.facts import facts_of

FEW = ("xnli", "panx", "tatoeba")


def test_differences_stand_with_both_adjusted_values_the_surest_first() -> None:
    facts = facts_of([*row("none", {}, targets=FEW), *row("mnli", {"tatoeba": 48.0}, targets=FEW)])
    section = certainty_section(facts)
    assert section is not None
    (one,) = section.values["models"]
    assert one.family[0][:2] == ("mnli", "tatoeba") and len(one.family) == 3
    plain = [float(cells[2].removeprefix("<")) for *_, cells in one.family]
    holm = [float(cells[3].removeprefix("<")) for *_, cells in one.family]
    discovery = [float(cells[4].removeprefix("<")) for *_, cells in one.family]
    assert plain == sorted(plain)
    assert all(first <= second <= third for first, second, third in zip(plain, discovery, holm, strict=True))


def test_average_that_lacks_a_target_says_which_and_has_no_number() -> None:
    facts = facts_of([*row("none", {}, targets=FEW), *row("mnli", {}, targets=FEW[:2])])
    section = certainty_section(facts)
    assert section is not None
    (one,) = section.values["models"]
    every = next(line for line in one.averages if line[1] == "all targets")
    assert every[2] == "…" and "tatoeba" in every[3]


def test_claims_of_a_whole_study_are_supported_with_their_numbers() -> None:
    section = claims_section(facts_of(whole_study(AS_PUBLISHED)))
    assert section is not None
    ((model, claims),) = section.values["models"]
    assert model == "xlmr" and [one.number for one in claims] == list(range(1, len(claims) + 1))
    third = claims[2]
    assert str(third.ruling) == "supported"
    assert any("tatoeba" in compares for _, _, lines in third.questions for compares, *_ in lines)


def test_claims_that_nothing_was_run_for_say_what_is_missing() -> None:
    section = claims_section(facts_of(row("none", {}, targets=("xnli",))))
    assert section is not None
    ((_, claims),) = section.values["models"]
    assert any("no trial of" in line for line in claims[0].missing)


def test_page_of_nothing_has_neither_section() -> None:
    facts = facts_of([])
    assert certainty_section(facts) is None and claims_section(facts) is None


def test_rankings_stand_beside_what_was_run_and_what_chance_gives() -> None:
    signals = Signals(model="xlmr", target="xnli", seconds=2.0)
    for name, value in {"mnli": 1.0, "qqp": 3.0, "ccg": 2.0}.items():
        signals.add("logme", name, value)
    scores = {"none": 70.0, "mnli": 80.0, "qqp": 40.0, "ccg": 60.0}
    facts = facts_of([record(name, {"xnli": score}) for name, score in scores.items()], signals=[signals])
    section = rankers_section(facts)
    assert section is not None
    ((_, (line,), means),) = section.values["models"]
    assert not means  # one target is no mean
    assert line.order == ("qqp", "ccg", "mnli")
    assert line.cells == ("50.0", "25.0", "…", "…", "\N{MINUS SIGN}1.00", "3", "2")
    assert rankers_section(facts_of([])) is None
