"""Plans where data or models are missing: they can be counted, they say what is missing, and no launch takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from search_spaces.reading import load_grid
from sweep.cli import main
from sweep.options import LaunchOptions
from sweep.planning.nominal import is_nominal, nominal_plan, plan_with_what_is_there
from sweep.planning.preparing import prepare
from tests.sweep.plans import SMALL
from tests.training.families import save
from training.errors import Faults, UserError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWEEP_DATA", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def _ran(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_nominal_plan_has_every_study_of_its_grid_and_distinct_chains() -> None:
    plan = nominal_plan(load_grid("all"))
    assert len(plan.studies) == 11 * 8
    assert is_nominal(plan)
    chains = {plan.chain(study, {name: 1.0 for name in study.axes}, 1).key for study in plan.studies}
    assert len(chains) == len(plan.studies)


def test_plan_whose_data_and_models_are_here_is_the_one_that_a_launch_makes(tmp_path: Path) -> None:
    options = LaunchOptions(grid="tiny", run=tmp_path / "run")
    found, launched = plan_with_what_is_there(options), prepare(options)
    assert (found.splits, found.models, is_nominal(found.plan)) == ((), (), False)
    assert found.plan.studies == launched.studies
    assert found.plan.digests == launched.digests


def test_data_that_is_missing_is_named_and_the_rest_keeps_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "mixed.yaml"
    path.write_text(SMALL.replace("name: small", "name: mixed").replace("[mini_udpos,", "[mini_udpos, udpos,"))
    found = plan_with_what_is_there(LaunchOptions(grid=str(path), run=tmp_path / "run"))
    assert found.tasks == ("udpos",)
    assert found.models == ()
    assert {key for key, digest in found.plan.digests.items() if digest.startswith("nominal")} == set(found.splits)
    assert "mini_udpos/train" not in found.splits


FAULTY = """\
name: faulty
models: {{one: {{source: {folder}}}}}
intermediates: [none]
targets: [mini_udpos]
data: {{mini_udpos: {{languages: [en], max_length: 4000, caps: {{train: 4, dev: 4, test: 4}}}}}}
"""


def test_launch_refuses_what_a_plan_only_counts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data folder was given"):
        prepare(LaunchOptions(grid="all", run=tmp_path / "run"))


def test_faulty_grid_and_a_model_that_was_named_wrongly_are_still_faults(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL.replace("mini_nli", "mini_nly"))
    with pytest.raises(Faults, match="mini_nly"):
        plan_with_what_is_there(LaunchOptions(grid=str(path)))
    with pytest.raises(UserError, match="names no model"):
        plan_with_what_is_there(LaunchOptions(grid="all", models={"xlmr": str(tmp_path)}))
    with pytest.raises(UserError):
        plan_with_what_is_there(LaunchOptions(grid="all", models={"xlmr_large": str(tmp_path)}))


def test_model_folder_that_is_there_and_faulty_is_told_by_plan_and_launch(tmp_path: Path) -> None:
    short, pickled = save(tmp_path / "short", "bert"), save(tmp_path / "pickled", "bert")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    grid = tmp_path / "faulty.yaml"
    grid.write_text(FAULTY.format(folder=short))
    for look in (plan_with_what_is_there, lambda options: prepare(options, read_data=True)):
        with pytest.raises(Faults, match=r"model one: the windows of mini_\w+ are longer"):
            look(LaunchOptions(grid=str(grid), run=tmp_path / "run"))
    grid.write_text(FAULTY.format(folder=pickled))
    with pytest.raises(UserError, match="no safetensors weights"):
        plan_with_what_is_there(LaunchOptions(grid=str(grid)))
    grid.write_text(FAULTY.format(folder=tmp_path / "not-yet"))
    assert plan_with_what_is_there(LaunchOptions(grid=str(grid))).models == ("one",)


def test_plan_of_real_data_without_any_says_what_is_missing_and_succeeds() -> None:
    done = _ran("plan", "--grid", "real_targets")
    assert done.exit_code == 0, done.output
    assert "no data here of: " in done.stdout
    assert "published or assumed" in done.stdout
    assert "a launch needs all of it" in done.stdout


def test_plan_says_of_which_model_the_size_is_not_known() -> None:
    assert plan_with_what_is_there(LaunchOptions(grid="model_scale")).unsized == ("xlmr_xl",)
    said = " ".join(_ran("plan", "--grid", "model_scale").output.split())
    assert "counted as XLM-R Base (hours, memory, store): xlmr_xl." in said
    assert "of unknown size" not in _ran("plan", "--grid", "all").output


def test_plan_without_data_tells_programs_what_its_numbers_rest_on() -> None:
    shown = json.loads(_ran("plan", "--grid", "real_targets", "--json", "--price", "2", "--gpu", "H100").stdout)
    assert shown["nominal"]["tasks"]
    assert shown["sizes_assumed"]
    assert set(shown["hours_at"]) == {"1", "8", "64"}
    assert shown["money"]["likely"] == pytest.approx(2 * shown["gpu_hours"]["likely"], abs=0.02)
    assert shown["left"]["trials"] == shown["trials"]


def test_calibration_without_data_is_refused() -> None:
    done = _ran("plan", "--grid", "all", "--calibrate", "1")
    assert done.exit_code == 2
    assert "there is nothing to calibrate with" in done.stderr
