"""A grid that was edited between two launches: the launch says what changes and what stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sweep.foreseen import mark_of
from sweep.launching.amend import changes, snapshot_of, write_snapshot
from sweep.planning.plan import Plan
from sweep.runfolder import SNAPSHOT, RunMark
from sweep.snapshots import read_snapshot
from tests.sweep.plans import SMALL, name_digest, plan_of, score_record
from training.record import TrialRecord

MARK = RunMark(schema=1, sweep="0123456789ab", grid="small")


def records_of(plan: Plan) -> list[TrialRecord]:
    setting = {"intermediate.lr": 3e-4, "intermediate.epochs": 1.0, "target.lr": 1e-4, "target.epochs": 1.0}
    return [
        score_record(study, number, 1, {axis: setting[axis] for axis in study.axes}, 50.0, f"{study.name}-{number}")
        for study in plan.studies
        for number in range(plan.settings_of(study))
    ]


def said(old: Plan, new: Plan) -> list[str]:
    """What a launch of `new` says in a run folder that `old` has finished in."""
    return [line.strip() for line in changes(snapshot_of(old), mark_of(old, MARK), new, records_of(old))]


def edited(*pairs: tuple[str, str]) -> str:
    text = SMALL
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_same_grid_and_first_launch_say_nothing(tmp_path: Path) -> None:
    plan = plan_of(run=tmp_path)
    assert said(plan, plan_of(run=tmp_path)) == []
    assert changes(None, MARK, plan, []) == []
    assert read_snapshot(tmp_path) is None


def test_snapshot_comes_back_as_it_was_written_and_a_damaged_one_is_no_snapshot(tmp_path: Path) -> None:
    plan = plan_of(run=tmp_path)
    write_snapshot(plan)
    assert read_snapshot(tmp_path) == snapshot_of(plan)
    (tmp_path / SNAPSHOT).write_bytes(b'{"schema": 1')
    assert read_snapshot(tmp_path) is None


def test_more_trials_and_another_target_keep_the_studies_that_are_there() -> None:
    new = plan_of(edited(("trials: 3", "trials: 4"), ("mini_udpos, mini_tatoeba", "mini_udpos, mini_panx")))
    lines = said(plan_of(), new)
    assert "targets: + mini_panx, - mini_tatoeba" in lines and "search.trials: 3 -> 4" in lines
    (studies,) = [line for line in lines if line.startswith("studies:")]
    assert studies.startswith("studies: 2 kept, 2 new, 2 dropped; new: mini.none.mini_panx, mini.mini_nli.mini_panx; dropped: ")
    (trials,) = [line for line in lines if line.startswith("trials:")]
    assert trials.startswith("trials: 6 with a record stay, at most 10 are to run; ")
    assert trials.endswith("; 2 other records on disk, kept out of this grid's tables")


def test_another_space_makes_other_studies_and_names_the_field() -> None:
    lines = said(plan_of(), plan_of(edited(("lr: [1e-4, 1e-3]", "lr: {low: 1e-5, high: 1e-3, log: true}"))))
    (field,) = [line for line in lines if line.startswith("search.space.target.lr")]
    assert "->" in field
    anew = "mini.none.mini_udpos, mini.mini_nli.mini_udpos"
    assert f"studies: 2 kept, 2 begun anew, 0 new, 0 dropped; begun anew: {anew}" in lines


def test_another_version_that_trains_otherwise_is_named_where_no_field_differs() -> None:
    plan = plan_of()
    before = snapshot_of(plan)
    mark = replace(mark_of(plan, MARK), studies=tuple(f"{study.name}~00000000" for study in plan.studies))
    lines = changes(replace(before, numerics=before.numerics - 1), mark, plan, [])
    assert "trains otherwise" in lines[1] and f"{before.numerics - 1} -> {before.numerics}" in lines[1]
    assert "studies: 0 kept, 4 begun anew, 0 new, 0 dropped" in lines[2]
    assert changes(replace(before, numerics=0), mark_of(plan, MARK), plan, []) == []


def test_intermediates_that_come_and_go_are_named_once() -> None:
    lines = said(plan_of(), plan_of(edited(("[none, mini_nli]", "[none, mini_pawsx]"))))
    assert [line for line in lines if line.startswith("intermediates")] == ["intermediates: + mini_pawsx, - mini_nli"]


def test_seeds_in_another_order_are_named_since_the_first_decides() -> None:
    two = plan_of(edited(("search:", "seeds: [1, 2]\nsearch:")))
    turned = plan_of(edited(("search:", "seeds: [2, 1]\nsearch:")))
    assert "seeds: [1, 2] -> [2, 1]" in said(two, turned)
    assert "seeds: + 2" in said(plan_of(), two)


def test_other_data_is_named_and_changes_the_studies_that_read_it() -> None:
    new = plan_of(digest=lambda key: name_digest(f"other {key}" if key == "mini_nli/train" else key))
    lines = said(plan_of(), new)
    assert "data of mini_nli/train: other examples" in lines
    assert "studies: 2 kept, 2 begun anew, 0 new, 0 dropped" in " ".join(lines)


def test_resources_alone_change_no_study() -> None:
    lines = said(plan_of(), plan_of(edited(("search:", "resources: {micro_batch: 4}\nsearch:"))))
    assert "resources.micro_batch: 0 -> 4" in lines
    assert "studies: 4 kept, 0 new, 0 dropped" in lines


@pytest.mark.parametrize("batch", [32, 16])
def test_phases_that_can_be_used_again_are_counted(tmp_path: Path, batch: int) -> None:
    old = plan_of(run=tmp_path)
    for study in old.studies:
        for record in records_of(old):
            if record.study == study.label:
                for key in old.chain(study, record.hyperparameters, 1).phase_keys:
                    (tmp_path / "phases" / f"phase--{key}").mkdir(parents=True, exist_ok=True)
    stored = len(list((tmp_path / "phases").iterdir()))
    new = plan_of(edited(("search:", f"training: {{batch: {batch}}}\nsearch:"), ("trials: 3", "trials: 4")), run=tmp_path)
    (line,) = [line for line in said(old, new) if line.startswith("phases:")]
    usable = stored if batch == 32 else 1  # phase 0 has a batch of its own
    assert line.startswith(f"phases: {usable} of the {stored} in the store")


def test_run_folder_of_an_earlier_version_without_a_snapshot_still_compares_studies() -> None:
    old, new = plan_of(), plan_of(edited(("lr: [1e-4, 1e-3]", "lr: [1e-4]")))
    lines = changes(None, mark_of(old, MARK), new, records_of(old))
    assert lines and "2 kept, 2 begun anew, 0 new, 0 dropped" in lines[1]


def test_fields_that_an_earlier_version_did_not_know_are_no_change() -> None:
    plan = plan_of()
    before = snapshot_of(plan)
    fields = {name: value for name, value in before.fields.items() if name != "search.stopping"}
    older = type(before)(**{**vars(before), "fields": fields})
    assert changes(older, mark_of(plan, MARK), plan, []) == []
