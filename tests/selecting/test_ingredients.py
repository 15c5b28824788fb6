"""What a chain is made of: names, uses, licences and sources, from the grid that it was launched with."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.schema import Model
from sweep.options import LaunchOptions
from sweep.runfolder import open_run
from sweep.selecting.ingredients import Known, ingredients, known_of
from sweep.steering.requests import write_options
from tests.reports.builders import record
from training.tasks.registry import ROWS


def test_each_part_of_a_mixture_brings_its_own_licence() -> None:
    found = ingredients(record("anli_plus", {"xnli": 80.0}), "xnli", Known(ROWS))
    parts = [one for one in found if one.use == "intermediate task"]
    assert [one.name for one in parts] == [part.name for part in ROWS["anli_plus"].parts]
    assert all(one.licence == ROWS[one.name].licence for one in parts)
    assert found[-1].use == "scored on" and found[-1].licence == ROWS["xnli"].licence


def test_model_of_a_hub_is_named_with_its_commit() -> None:
    commit = "0123456789" * 4
    known = Known(ROWS, {"xlmr": Model(source="owner/name", revision=commit)})
    (model, *_) = ingredients(record("mnli", {"xnli": 80.0}), "xnli", known)
    assert (model.source, model.licence) == (f"owner/name@{commit}", "")


def test_task_and_model_that_are_not_known_any_more_are_named_without_a_licence() -> None:
    found = ingredients(record("gone", {"gone_too": 80.0}), "gone_too", Known(ROWS))
    assert [(one.name, one.licence) for one in found] == [("xlmr", ""), ("gone", ""), ("gone_too", "")]


@pytest.mark.parametrize("broken", [False, True])
def test_grid_of_the_launch_names_the_models_unless_it_can_not_be_read(tmp_path: Path, broken: bool) -> None:
    run, told = tmp_path / "run", list[str]()
    open_run(run, "tiny")
    grid = tmp_path / "mine.yaml"
    write_options(run, LaunchOptions(grid=str(grid) if broken else "tiny", run=run))
    known = known_of(run, told.append)
    assert (set(known.models), len(told)) == ((set(), 1) if broken else ({"mini"}, 0))
    assert "mini_udpos" in known.rows and "xnli" in known.rows
