"""A sweep over machines whose network is slow, loses what is sent, or is gone for a while ends with the undisturbed table.

Each took 3 to 7 minutes on two cores that others kept busy (a load of 15).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.network.netns import HEAD, Net, machines, refusal
from tests.sweep.conftest import Reference
from tests.sweep.executing import GRID, plan_of_legs
from tests.sweep.launches import eventually, run_to_end, scores, tables
from training.record import TrialRecord, read_records

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.timeout(900)]
PATIENCE = 600.0


@pytest.fixture(autouse=True, scope="module")
def _permitted() -> None:
    if why := refusal():
        pytest.skip(f"network namespaces: {why}")


def swept(net: Net, place: Path, meanwhile: Callable[[], None]) -> Path:
    """The run folder of `tiny`, trained by Ray Train on the workers; `meanwhile` happens once a trial has its record."""
    run = place / "run"
    launch = net.launch(place / "said", "launch", "--grid", "tiny", "--executor", "train", "--run", run)
    eventually(lambda: list(run.glob("records/*.json")) or launch.process.poll() is not None, "a record", PATIENCE)
    assert launch.process.poll() is None, launch.said
    meanwhile()
    eventually(lambda: launch.process.poll() is not None, f"the end of the sweep: {launch.said}", PATIENCE)
    assert launch.process.poll() == 0, launch.said
    return run


def test_sweep_over_slow_cables_that_lose_packets_ends_with_the_same_table(
    reference: Reference, cache: Path, tmp_path: Path
) -> None:
    """100 ms each way, one packet in a hundred lost."""
    with machines(3, cache, bad=(0.1, 0.01)) as net:
        run = swept(net, tmp_path, lambda: None)
    assert tables(run) == tables(reference.run)
    assert scores(run) == scores(reference.run)


def test_worker_that_is_cut_off_until_it_is_given_up_costs_its_legs_and_nothing_else(
    reference: Reference, cache: Path, tmp_path: Path
) -> None:
    with machines(3, cache, quick=True) as net:

        def cut_off() -> None:
            net.cut(2)
            eventually(lambda: net.told_dead(2), "the head to give the worker up", 120)
            net.heal(2)
            eventually(lambda: net.nodes[2].poll() is not None, "Ray on the worker to end", 120)
            net.join(2)

        run = swept(net, tmp_path, cut_off)
    assert tables(run) == tables(reference.run)
    assert scores(run) == scores(reference.run)


def test_head_that_is_cut_off_from_all_workers_for_20_s_ends_with_the_same_table(
    reference: Reference, cache: Path, tmp_path: Path
) -> None:
    with machines(3, cache) as net:

        def cut_off() -> None:
            net.cut(HEAD)
            net.pause(20)
            net.heal(HEAD)

        run = swept(net, tmp_path, cut_off)
        assert not net.told_dead(2) and not net.told_dead(3)
    assert tables(run) == tables(reference.run)
    assert scores(run) == scores(reference.run)


def test_phase_that_two_machines_train_together_has_the_scores_of_one(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients go over the cables: the model has no dropout, whose draws another number of workers changes."""
    monkeypatch.setenv("SWEEP_CACHE", str(cache))
    model = shutil.copytree(plan_of_legs(tmp_path / "any").models["mini"].folder, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"classifier_dropout": 0.0}))
    text = GRID.replace("trials: 8", "trials: 1").replace("MAX_FAILURES", "1").replace("mini_world", str(model))
    (alone := tmp_path / "alone.yaml").write_text(text.replace("name: legs", "name: alone"))
    (team := tmp_path / "team.yaml").write_text(
        text.replace("name: legs", "name: team").replace("resources: {", "resources: {workers: 2, ")
    )
    code, said = run_to_end(cache, tmp_path / "said", "launch", "--grid", alone, "--run", tmp_path / "alone")
    assert code == 0, said
    with machines(3, cache) as net:
        before = net.carried(2), net.carried(3)
        launch = net.launch(tmp_path / "told", "launch", "--grid", team, "--run", tmp_path / "team")
        eventually(lambda: launch.process.poll() is not None, "the end of the sweep", PATIENCE)
        assert launch.process.poll() == 0, launch.said
        sent = [net.carried(number) - start for number, start in zip((2, 3), before, strict=True)]
    (found,), (expected,) = read_records(tmp_path / "team"), read_records(tmp_path / "alone")
    assert scored(found) == pytest.approx(scored(expected), abs=0.5)
    steps = [phase.steps for phase in expected.phases]
    assert [phase.steps for phase in found.phases] == steps
    weights = max(path.stat().st_size for path in (tmp_path / "alone").glob("phases/*/model.safetensors"))
    assert min(sent) > sum(steps) * weights / 4, f"gradients did not go over the cables: {sent}, {sum(steps)} x {weights}"


def scored(record: TrialRecord) -> dict[str, float]:
    return {name: found["score"] for result in record.results for name, found in result.languages.items()}
