"""A study from its grid to what its run folder says: ranked, launched, and launched again."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.studies.design import Design
from sweep.foreseen import tables_of
from sweep.reporting.page import facts_of
from sweep.reporting.studying import design_of
from tests.sweep.launches import run_to_end
from training.identity import Role
from training.record import Status, read_records

GRID = """\
name: studied
study: dataset_size
models: {mini: {source: mini_world, pretraining: multilingual, pretrain: {task: mini_mlm, epochs: 1}}}
intermediates:
  - none
  - mini_nli: {examples: [24, 48]}
  - arm: {tasks: [mini_xnli_all], languages: [en, qaa], examples: 96}
targets: [mini_udpos]
data:
  mini_mlm: {caps: {train: 200, dev: 50}}
  mini_nli: {caps: {dev: 16}}
  mini_xnli_all: {caps: {dev: 16}}
  mini_udpos: {languages: [en, qaa], caps: {train: 48, dev: 16, test: 16}}
rank: {measure: size, keep: 2}
search: {space: {intermediate: {lr: [3e-4], epochs: [1]}, target: {lr: [1e-3], epochs: [1]}}}
training: {batch: 16}
"""


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_study_is_ranked_launched_and_told_with_the_examples_that_were_learned(cache: Path, tmp_path: Path) -> None:
    grid, run = tmp_path / "studied.yaml", tmp_path / "run"
    grid.write_text(GRID)
    code, said = run_to_end(cache, tmp_path / "early.log", "launch", "--grid", grid, "--run", run)
    assert code == 2 and "`rank` has no size of mini for mini_udpos" in said and not (run / "sweep.json").exists()
    assert run_to_end(cache, tmp_path / "rank.log", "rank", "--grid", grid, "--run", run)[0] == 0
    code, said = run_to_end(cache, tmp_path / "launch.log", "launch", "--grid", grid, "--run", run)
    assert code == 0 and "rank: the first 2 intermediate settings a target by size; left out by rank: 1 pair" in said

    records = read_records(run)
    assert {record.intermediate for record in records} == {"none", "mini_nli_48", "arm"}
    assert {record.status for record in records} == {Status.FINISHED}
    assert all(record.provenance["model.family"] == "encoder" for record in records)
    arm = next(record for record in records if record.intermediate == "arm")
    phase = next(phase for phase in arm.phases if phase.identity.role is Role.INTERMEDIATE)
    assert (phase.examples, phase.steps, phase.identity.tasks[0].languages) == (96, 6, ("en", "qaa"))
    (table,) = tables_of(run)
    assert table.cells["mini_nli_24"]["mini_udpos"].reason == "left out by rank"
    assert table.cells["arm"]["mini_udpos"].labelled == ("qaa",)

    design = design_of(run)
    assert isinstance(design, Design) and facts_of(run, lambda line: None).design is not None
    assert (design.models["mini"].parameters > 10_000, design.models["mini"].pretraining) == (True, "multilingual")
    found = design.intermediates
    assert {name: (one.examples, one.budget, one.languages) for name, one in found.items() if name != "none"} == {
        "mini_nli_24": (0, 24, ("en",)),
        "mini_nli_48": (48, 48, ("en",)),
        "arm": (96, 96, ("en", "qaa")),
    }
    code, said = run_to_end(cache, tmp_path / "again.log", "launch", "--grid", grid, "--run", run)
    assert code == 0 and "nothing to run" in said
