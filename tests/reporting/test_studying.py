"""What a run folder says of its study: models from records, settings from the snapshot and the phases that were trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from reports.studies.design import IntermediateFacts
from sweep.foreseen import mark_of
from sweep.launching.amend import snapshot_of, write_snapshot
from sweep.provenance import FAMILY, PARAMETERS, kind_provenance, model_provenance
from sweep.reporting.studying import design_from, design_of
from sweep.runfolder import RunMark, write_mark
from sweep.sources import ResolvedModel
from tests.reports.builders import phase, record
from tests.sweep.plans import plan_of
from training.identity import Role
from training.record import TrialRecord, write_record
from training.tasks.registry import ROWS

GRID = """\
name: sized
study: dataset_size
models:
  mini: {source: mini_world, pretrain: {task: mini_mlm}}
  english: {source: mini_world, pretraining: english, group: small, pretrain: {task: mini_mlm, seed: 1}}
intermediates:
  - none
  - several: {tasks: [mini_xnli_all], languages: [en, qaa], examples: 90, series: arms}
  - mini_nli: {examples: [100, all]}
targets: [mini_udpos]
"""


ORDER = ["none", "several", "mini_nli_100", "mini_nli_all"]


def trained(model: str, intermediate: str, examples: int, languages: tuple[str, ...] = ("en",)) -> TrialRecord:
    made = record(intermediate, {"mini_udpos": 50.0}, model=model)
    trace = phase(Role.INTERMEDIATE, "mini_nli")
    use = replace(trace.identity.tasks[0], languages=languages)
    trace = replace(trace, examples=examples, identity=replace(trace.identity, tasks=(use,)))
    return replace(made, phases=(trace,), provenance={FAMILY: "decoder", PARAMETERS: "1234"})


def test_design_names_models_settings_and_what_was_learned() -> None:
    records = [trained("mini", "mini_nli_100", 100), trained("mini", "several", 90, ("en", "qaa"))]
    found = design_from(snapshot_of(plan_of(GRID)), records)
    assert found.study == "dataset_size" and list(found.intermediates) == ORDER
    mini, english = found.models["mini"], found.models["english"]
    assert (mini.family, mini.parameters, mini.pretraining, mini.group) == ("decoder", 1234, "multilingual", "")
    assert (english.family, english.parameters, english.pretraining, english.group) == ("encoder", 0, "english", "small")
    assert found.intermediates["mini_nli_100"] == IntermediateFacts(
        name="mini_nli_100",
        tasks=("mini_nli",),
        kinds=("classification",),
        examples=100,
        budget=100,
        series="mini_nli",
    )
    assert (found.intermediates["mini_nli_all"].budget, found.intermediates["mini_nli_all"].series) == (0, "mini_nli")
    several = found.intermediates["several"]
    assert (several.languages, several.examples, several.series) == (("en", "qaa"), 90, "arms")
    assert found.intermediates["none"].tasks == ()


def test_design_is_read_from_the_run_folder_and_is_none_without_a_study(tmp_path: Path) -> None:
    for text, study in ((GRID, "dataset_size"), (GRID.replace("study: dataset_size\n", ""), None)):
        plan = plan_of(text, run=tmp_path)
        write_mark(tmp_path, mark_of(plan, RunMark(schema=1, sweep="s", grid="sized")))
        write_snapshot(plan)
        made = next(study for study in plan.studies if study.name == "mini.mini_nli_100.mini_udpos")
        write_record(tmp_path, replace(trained("mini", "mini_nli_100", 77), study=made.label, trial=f"t-{study}"))
        found = design_of(tmp_path)
        assert found is None or (list(found.models), list(found.intermediates)) == (["mini", "english"], ORDER)
        assert (found.study if found else None) == study
        assert found is None or found.intermediates["mini_nli_100"].examples == 77


def test_provenance_has_the_family_and_the_parameters_of_a_configuration(tmp_path: Path) -> None:
    shape = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64, "vocab_size": 99}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xlm-roberta", **shape}))
    plan = plan_of(GRID)
    resolved = ResolvedModel(folder=tmp_path, identity=plan.models["mini"].identity)
    found = model_provenance(plan.grid.models["mini"], resolved)
    assert found[FAMILY] == "encoder" and int(found[PARAMETERS]) > 99 * 32
    assert model_provenance(plan.grid.models["mini"], replace(resolved, folder=tmp_path / "nowhere")) == {}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "of_parts", "text_config": shape}))
    assert PARAMETERS not in model_provenance(plan.grid.models["mini"], resolved)  # XLM-R Base's, which it is not


def test_provenance_has_the_kinds_of_tasks_that_the_project_does_not_know() -> None:
    own = replace(ROWS["mini_nli"], name="mine")
    assert kind_provenance([own, ROWS["mini_nli"]]) == {"kind.mine": "classification"}
