"""Series: numbers of examples, languages, random orders of tasks, and what a reader is told of one that does not fit."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.reading import read_grid
from search_spaces.schema import Grid
from search_spaces.series import order_of, spread
from tests.search_spaces.rows import SMALLEST
from training.errors import Faults
from training.tasks.registry import ROWS

START = SMALLEST.replace("[pos]", "[mini_udpos]")


def read(*items: str) -> Grid:
    return read_grid(START.replace("[none]", f"[none, {', '.join(items)}]"), "g.yaml", ROWS)


def faults(*items: str) -> list[str]:
    with pytest.raises(Faults) as raised:
        read(*items)
    assert all(fault.remedy for fault in raised.value.faults)
    return [str(fault) for fault in raised.value.faults]


def test_list_of_numbers_is_a_setting_each_and_all_is_the_whole_set() -> None:
    found = read("{mini_nli: {examples: [100, 200, all]}}").intermediates[1:]
    assert [(one.name, one.tasks, one.examples, one.series) for one in found] == [
        ("mini_nli_100", ("mini_nli",), 100, "mini_nli"),
        ("mini_nli_200", ("mini_nli",), 200, "mini_nli"),
        ("mini_nli_all", ("mini_nli",), None, "mini_nli"),
    ]


def test_examples_of_a_mixture_are_shared_equally_and_the_first_tasks_have_the_rest() -> None:
    (one,) = read("{both: {tasks: [mini_nli, mini_qqp, mini_ccg], examples: 101}}").intermediates[1:]
    assert one.budgets == (34, 34, 33)


def test_languages_make_arms_of_one_task() -> None:
    found = read("{en: {tasks: [mini_xnli_all], languages: [en], examples: [90, all]}}", "mini_xnli_all").intermediates[1:]
    assert [(one.name, one.languages, one.examples) for one in found] == [
        ("en_90", ("en",), 90),
        ("en_all", ("en",), None),
        ("mini_xnli_all", None, None),
    ]


def test_orders_nest_and_the_same_tasks_are_one_mixture_in_every_order() -> None:
    tasks = "[mini_nli, mini_qqp, mini_ccg, mini_hellaswag]"
    found = {one.name: one for one in read(f"{{many: {{tasks: {tasks}, orders: {{number: 3}}, examples: 40}}}}").intermediates}
    for letter in "abc":
        steps = [set(found[f"many_{letter}_{count}"].tasks) for count in (1, 2, 3, 4)]
        assert [len(step) for step in steps] == [1, 2, 3, 4]
        assert all(less < more for less, more in pairwise(steps))
        assert {found[f"many_{letter}_{count}"].series for count in (1, 4)} == {f"many_{letter}"}
    assert found["many_a_4"].tasks == found["many_b_4"].tasks == ("mini_nli", "mini_qqp", "mini_ccg", "mini_hellaswag")
    assert len({order[0] for order in (order_of(list(found["many_a_4"].tasks), 0, letter) for letter in "abcdefgh")}) > 1


def test_orders_and_numbers_of_examples_multiply() -> None:
    item = "{many: {tasks: [mini_nli, mini_qqp], orders: {number: 2, seed: 3, counts: [2]}, examples: [10, 20]}}"
    assert [one.name for one in read(item).intermediates[1:]] == ["many_a_2_10", "many_a_2_20", "many_b_2_10", "many_b_2_20"]


@pytest.mark.parametrize(
    ("item", "cause"),
    [
        ("{mini_nli: {examples: [100, 0]}}", "intermediates.1.mini_nli.examples: must be a whole number: '[100, 0]'"),
        ("{mini_nli: {examples: []}}", "intermediates.1.mini_nli.examples: must be a whole number: '[]'"),
        ("{mini_nlo: {examples: [100], cap: 5}}", "must list the tasks of the mixture under `tasks`"),
        ("{mini_nli: {examples: [100, 100]}}", "must not repeat an item"),
        ("{mini_nlo: {examples: [100]}}", "intermediates.1.mini_nlo: no task has this name"),
        ("{both: {tasks: [mini_nli, mini_qqp], examples: [1, 9]}}", "`examples` are fewer than the tasks"),
        ("{both: {tasks: [mini_nli, mini_qqp], languages: [en]}}", "`languages` go with one task alone"),
        ("{some: {tasks: [mini_xnli_all], languages: [de]}}", "some.languages.0: mini_xnli_all has no training data in this"),
        ("{mini_xnli_all: {languages: [de]}}", "mini_xnli_all.languages.0: mini_xnli_all has no training data in this"),
        ("{many: {tasks: [mini_nli], orders: {number: 2}}}", "`orders` do not fit the tasks"),
        ("{many: {tasks: [mini_nli, mini_qqp], orders: {counts: [3]}}}", "`orders` do not fit the tasks"),
        ("{many: {tasks: [mini_nli, mini_qqp], orders: {number: 27}}}", "many.orders.number: must be at most 26"),
        ("{many: {tasks: [mini_nli, mini_qqp], orders: {number: 2, count: [1]}}}", "many.orders.count: unknown key"),
        ("{mini_xnli: {tasks: [mini_xnli_all], examples: [all]}}", "a series can't have a setting with the name of a task"),
    ],
)
def test_series_that_does_not_fit_is_told_at_its_place(item: str, cause: str) -> None:
    found = faults(item)
    assert any(cause in fault for fault in found), "\n".join(found)


def test_fault_behind_a_series_is_told_at_the_line_and_place_of_the_file() -> None:
    found = faults("{mini_nli: {examples: [10, 20, 30]}}", "{both: {tasks: [mini_nli, mini_qqp], cap: 0}}")
    assert any("intermediates.2.both.cap: must be at least 1" in fault for fault in found), "\n".join(found)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_no_series_is_left_as_it_is_written(item: object) -> None:
    assert spread((item,)) == (item,) or (isinstance(item, dict) and len(item) == 1)


def test_study_labels_and_spaces_of_models_are_read() -> None:
    text = START.replace(
        "{source: mini_world}",
        "{source: mini_world, pretraining: english, group: matched, space: {target: {lr: [3e-4]}}}",
    )
    grid = read_grid(text + "study: dataset_size\n", "g.yaml", ROWS)
    (model,) = grid.models.values()
    assert (grid.study, model.pretraining, model.group) == ("dataset_size", "english", "matched")
    assert model.space is not None and model.space.target is not None and model.space.intermediate is None
    with pytest.raises(Faults, match="study"):
        read_grid(START + "study: datasize\n", "g.yaml", ROWS)


def test_misspelt_option_of_a_task_is_told_with_the_key_that_was_meant() -> None:
    wrong = "intermediates: [none, {mini_nli: {exampels: [50, 100]}}]"
    text = f"name: a\nmodels: {{m: {{source: mini_world}}}}\n{wrong}\ntargets: [mini_udpos]\n"
    with pytest.raises(Faults) as found:
        read_grid(text, "grid.yaml", ROWS)
    said = str(found.value)
    assert "write `examples`" in said and "can't have the name of a task" not in said
