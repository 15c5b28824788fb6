"""Numbers of examples, languages and models' own spaces in a plan: identities, sizes, and what a data set lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search_spaces.values import Choices
from sweep.planning.needs import needed_splits
from sweep.planning.plan import Plan
from sweep.planning.sizes import Sizes
from sweep.planning.splits import SplitSize, published_size
from tests.sweep.plans import plan_of, study_of
from training.identity import PhaseIdentity

GRID = """\
name: sized
models:
  mini: {source: mini_world, pretrain: {task: mini_mlm}}
  other: {source: mini_world, pretrain: {task: mini_mlm, seed: 1}, space: {intermediate: {lr: [2e-4]}, target: {epochs: [7]}}}
intermediates:
  - none
  - mini_nli
  - {mini_nli: {examples: [100, 200]}}
  - en: {tasks: [mini_xnli_all], languages: [qaa, en], examples: [90, all]}
  - mini_xnli_all
  - many: {tasks: [mini_nli, mini_qqp], orders: {number: 2, counts: [2]}, examples: 50}
targets: [mini_udpos]
search: {space: {intermediate: {lr: [1e-4], epochs: [1]}, target: {lr: [3e-4], epochs: [2]}}}
""".replace("  - {mini_nli: {examples: [100, 200]}}", "  - mini_nli: {examples: [100, 200]}")


@pytest.fixture(name="plan", scope="module")
def _plan() -> Plan:
    return plan_of(GRID)


def phase(plan: Plan, setting: str, model: str = "mini") -> PhaseIdentity:
    study = study_of(plan, f"{model}.{setting}.mini_udpos")
    return plan.chain(study, {name: 1.0 for name in study.axes}, 1).phases[1]


def test_whole_set_has_no_number_and_numbers_are_of_the_intermediate_phase_alone(plan: Plan) -> None:
    assert [phase(plan, name).tasks[0].examples for name in ("mini_nli", "mini_nli_100", "mini_nli_200")] == [0, 100, 200]
    study = study_of(plan, "mini.mini_nli_100.mini_udpos")
    assert plan.chain(study, {name: 1.0 for name in study.axes}, 1).phases[2].tasks[0].examples == 0


def test_some_languages_are_a_training_set_of_their_own(plan: Plan) -> None:
    needed = {key: languages for key, _, _, languages in needed_splits(plan.grid, plan.sources)}
    assert needed["mini_xnli_all/train/en+qaa"] == ("en", "qaa")
    some, every = phase(plan, "en_90").tasks[0], phase(plan, "mini_xnli_all").tasks[0]
    assert (some.languages, some.examples) == (("en", "qaa"), 90)
    assert len(every.languages) == 9 and some.data != every.data


def test_same_tasks_in_two_random_orders_are_one_phase(plan: Plan) -> None:
    assert phase(plan, "many_a_2") == phase(plan, "many_b_2")
    assert [use.examples for use in phase(plan, "many_a_2").tasks] == [25, 25]


def test_space_of_a_model_stands_in_place_of_the_others(plan: Plan) -> None:
    def values(model: str) -> dict[str, tuple[float, ...]]:
        axes = study_of(plan, f"{model}.mini_nli.mini_udpos").axes
        return {name: axis.values for name, axis in axes.items() if isinstance(axis, Choices)}

    assert values("mini") == {
        "intermediate.lr": (1e-4,),
        "intermediate.epochs": (1,),
        "target.lr": (3e-4,),
        "target.epochs": (2,),
    }
    assert values("other") == values("mini") | {"intermediate.lr": (2e-4,), "target.epochs": (7,)}


def sizes(**splits: SplitSize) -> Sizes:
    return Sizes({("mini", f"{name}/train"): size for name, size in splits.items()})


def test_tokens_of_a_number_of_examples_are_counted_by_example_not_by_window(plan: Plan) -> None:
    windows = SplitSize((400,), 10.0, "", examples=200)  # two windows of each context
    assert sizes(mini_nli=windows).epoch_tokens("mini", phase(plan, "mini_nli_100")) == 2000
    assert sizes(mini_nli=windows).epoch_tokens("mini", phase(plan, "mini_nli_200")) == 4000
    assert sizes(mini_nli=SplitSize((50,), 10.0, "")).epoch_tokens("mini", phase(plan, "mini_nli_100")) == 500


def test_mixture_counts_the_parts_of_its_tasks(plan: Plan) -> None:
    both = sizes(mini_nli=SplitSize((100,), 10.0, ""), mini_qqp=SplitSize((100,), 2.0, ""))
    assert both.epoch_tokens("mini", phase(plan, "many_a_2")) == 25 * 10 + 25 * 2


def test_what_a_data_set_lacks_is_named_with_what_there_is(plan: Plan) -> None:
    names = ("mini_nli", "mini_qqp", "mini_xnli_all", "mini_udpos")
    known = {(model, f"{name}/train"): SplitSize((150,), 1.0, "") for name in names for model in plan.grid.models}
    assert Sizes(known).lacking(plan) == {"mini_nli_200": {"mini_nli": (150, 200)}}


def test_what_a_data_set_that_nobody_has_counted_may_lack_is_not_told(plan: Plan) -> None:
    row = replace(plan.sources["mini_nli"].row, name="mine")
    assumed, told = (
        published_size(replace(plan.sources["mini_nli"], row=replace(row, counts=counts)), "train", ("en",))
        for counts in ({}, {"train": 150})
    )
    assert assumed.is_guessed and not told.is_guessed
    few = replace(assumed, units=(150,))
    known = {(model, f"{row.name}/train"): few for model in plan.grid.models for row in plan.grid.rows.values()}
    assert Sizes(known).lacking(plan) == {}
