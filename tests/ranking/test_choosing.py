"""`rank` in a grid: which pairs are left out, by which signals, and how plan, table and notes say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.cells import Pair
from reports.frame import transfer_tables
from reports.ranking.judging import Signals
from reports.ranking.keeping import keep_signals, kept_signals
from reports.table import render_transfer
from search_spaces.reading import read_grid
from search_spaces.schema import Grid
from sweep.foreseen import expectation_of, mark_of
from sweep.options import LaunchOptions
from sweep.planning.needs import needed_splits
from sweep.planning.plan import Plan, make_plan
from sweep.planning.showing import print_plan
from sweep.ranking.choosing import kept_by_rank, made_of
from sweep.runfolder import RunMark, refuse_foreign
from sweep.sources import ResolvedModel
from tests.sweep.plans import name_digest
from training.data.loading import DataSource
from training.errors import Faults, UserError
from training.identity import ModelIdentity
from training.tasks.registry import ROWS

GRID = """\
name: ranked
models: {mini: {source: mini_world, pretrain: {task: mini_mlm}}}
intermediates: [none, mini_nli, mini_qqp, mini_ccg]
targets: [mini_udpos, mini_udpos_xr, mini_pawsx, mini_tatoeba]
rank: {measure: logme, keep: 1}
"""
VALUES = {
    "mini_udpos": {"mini_ccg": 3.0, "mini_nli": 1.0, "mini_qqp": 2.0},
    "mini_pawsx": {"mini_ccg": 1, "mini_nli": 2, "mini_qqp": 9},
}


def grid_of(text: str = GRID) -> Grid:
    return read_grid(text, "grid.yaml", ROWS)


def sources_of(grid: Grid) -> dict[str, DataSource]:
    return {name: DataSource(row=row, root=Path("world")) for name, row in grid.rows.items()}


def keep(run: Path, **targets: dict[str, float]) -> None:
    found = []
    for target, values in targets.items():
        signals = Signals(model="mini", target=target)
        for name, value in values.items():
            signals.add("logme", name, value)
        found.append(signals)
    keep_signals(run, found)


def plan_of(run: Path) -> Plan:
    grid = grid_of()
    sources = sources_of(grid)
    digests = {item[0]: name_digest(item[0]) for item in needed_splits(grid, sources)}
    models = {"mini": ResolvedModel(folder=run, identity=ModelIdentity(name="mini", config="c", tokenizer="t", weights="w"))}
    return make_plan(grid, models, sources, run, digests=digests, kept=kept_by_rank(grid, sources, run))


def test_first_of_each_target_are_run_and_retrieval_after_those_of_the_others(tmp_path: Path) -> None:
    keep(tmp_path, **VALUES)
    plan = plan_of(tmp_path)
    assert {study.name for study in plan.studies} == {
        *("mini.none.mini_udpos", "mini.none.mini_pawsx", "mini.none.mini_tatoeba"),
        *("mini.mini_ccg.mini_udpos", "mini.mini_qqp.mini_pawsx", "mini.mini_ccg.mini_tatoeba", "mini.mini_qqp.mini_tatoeba"),
    }
    assert Pair("mini", "mini_nli", "mini_tatoeba") in plan.left_out
    assert {pair for pair in plan.left_out if pair.intermediate == "mini_ccg"} == {Pair("mini", "mini_ccg", "mini_pawsx")}
    assert len(plan.left_out) == 3 * 2 + 1


def test_signals_of_one_target_serve_those_that_share_its_training_data(tmp_path: Path) -> None:
    keep(tmp_path, mini_udpos_xr=VALUES["mini_udpos"], mini_pawsx=VALUES["mini_pawsx"])
    kept = kept_by_rank(grid_of(), sources_of(grid_of()), tmp_path)
    assert kept is not None and kept["mini", "mini_udpos"] == {"none", "mini_ccg"}


def test_missing_signal_is_named_with_what_it_takes(tmp_path: Path) -> None:
    keep(tmp_path, mini_udpos=VALUES["mini_udpos"], mini_pawsx={"mini_ccg": 1.0})
    with pytest.raises(UserError, match="no logme of mini for mini_pawsx") as raised:
        kept_by_rank(grid_of(), sources_of(grid_of()), tmp_path)
    assert raised.value.value == "mini_nli, mini_qqp" and "a finished phase of each setting" in raised.value.remedy


def test_signal_of_a_setting_that_was_another_counts_as_missing(tmp_path: Path) -> None:
    text = GRID.replace("mini_nli,", "{pair: [mini_nli, mini_hellaswag]},").replace("mini_udpos_xr, mini_pawsx, ", "")
    grid = grid_of(text)
    signals = Signals(model="mini", target="mini_udpos", values={"logme": {"pair": 3.0, "mini_qqp": 2.0, "mini_ccg": 1.0}})
    signals.made_of = {one.name: made_of(grid, "mini", one) for one in grid.intermediates}
    keep_signals(tmp_path, [signals])
    kept = kept_by_rank(grid, sources_of(grid), tmp_path)
    assert kept is not None and kept["mini", "mini_udpos"] == {"none", "pair"}
    retrained = grid_of(text + "search: {space: {intermediate: {lr: [1e-4]}}}\n")
    assert kept_by_rank(retrained, sources_of(retrained), tmp_path) == kept
    for other in (text.replace("mini_hellaswag", "mini_cosmosqa"), text + "data: {mini_nli: {caps: {train: 9}}}\n"):
        grid = grid_of(other)
        with pytest.raises(UserError, match="no logme of mini for mini_udpos") as raised:
            kept_by_rank(grid, sources_of(grid), tmp_path)
        assert raised.value.value == "pair (the grid has changed it since)"
        assert kept_by_rank(grid, sources_of(grid), tmp_path, nominal=True) is not None


def test_measure_that_the_data_does_not_allow_is_told_with_its_reason(tmp_path: Path) -> None:
    values = {name: dict(found) for name, found in VALUES.items()}
    keep(tmp_path, mini_udpos={**values["mini_udpos"], "mini_nli": float("nan")}, mini_pawsx=values["mini_pawsx"])
    assert len(kept_signals(tmp_path)) == 2  # a number that is none would have made the file unreadable
    with pytest.raises(UserError, match="no logme of mini for mini_udpos") as raised:
        kept_by_rank(grid_of(), sources_of(grid_of()), tmp_path)
    assert raised.value.value == "mini_nli (it is not a number (nan))" and "another `measure`" in raised.value.remedy


def test_grid_without_rank_runs_everything(tmp_path: Path) -> None:
    grid = grid_of(GRID.replace("rank: {measure: logme, keep: 1}\n", ""))
    assert kept_by_rank(grid, sources_of(grid), tmp_path) is None


def test_table_says_left_out_by_rank_and_not_that_trials_are_missing(tmp_path: Path) -> None:
    keep(tmp_path, **VALUES)
    expected = expectation_of(mark_of(plan_of(tmp_path), RunMark(schema=1, sweep="s", grid="ranked")))
    (table,) = transfer_tables([], expected)
    cell = table.cells["mini_nli"]["mini_udpos"]
    assert (cell.score, cell.reason, cell.settings_expected) == (None, "left out by rank", 0)
    assert table.cells["mini_ccg"]["mini_udpos"].reason != "left out by rank"
    assert any("left out by rank" in note and "mini_nli" in note for note in table.notes)
    assert table.intermediates[0] == "none" and render_transfer([table])


def test_folder_that_holds_rankings_alone_is_free_for_a_launch(tmp_path: Path) -> None:
    keep(tmp_path, **VALUES)
    refuse_foreign(tmp_path, "ranked")
    (tmp_path / "other").touch()
    with pytest.raises(UserError):
        refuse_foreign(tmp_path, "ranked")


def test_plan_before_rankings_counts_so_many_and_says_that_it_does_not_know_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ranked.yaml").write_text(GRID)
    print_plan(LaunchOptions(grid=str(tmp_path / "ranked.yaml"), run=tmp_path / "run"), as_json=False)
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "rank: the first 1 intermediate settings a target by logme; left out by rank: 8 pairs (which ones is not known" in said
    )


def test_rank_without_labelled_targets_is_refused() -> None:
    with pytest.raises(Faults, match="no target of the grid has labelled training data to rank by"):
        grid_of(GRID.replace("[mini_udpos, mini_udpos_xr, mini_pawsx, mini_tatoeba]", "[mini_tatoeba]"))
