"""The share of a GPU that a trial gets: what is known of GPUs, what a trial needs, and that shares never overflow one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sweep.planning.sharing
from sweep.planning.gpus import GB, PEAKS, SIZES, Gpu, gpus_of_nodes, named_gpu, trials_a_gpu
from sweep.planning.memory import BESIDES, Need, need_of, phases_of
from sweep.planning.overview import overview
from sweep.planning.plan import Plan
from sweep.planning.sharing import MARGIN, MOST, UNKNOWN, most_at_once, share_lines, shared_out, shares_of
from sweep.planning.studies import StudySpec
from tests.sweep.plans import SMALL, plan_of, study_of
from training.errors import UserError
from training.learning.fitting import Notes
from training.learning.peaks import Peaks, peak_subject

AUTO = SMALL.replace("trials: 3", "trials: 9\n  at_once: 4") + "seeds: [1, 2]\nresources: {device: cuda}\n"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    return plan_of(AUTO, tmp_path / "run")


def node(**resources: float) -> dict[str, Any]:
    found = {name.replace("_type_", "_type:"): amount for name, amount in resources.items()}
    return {"Alive": True, "Resources": found, "Labels": {}}


def test_grid_on_cuda_shares_its_gpus_out_and_one_on_the_cpu_holds_none() -> None:
    assert (plan_of(AUTO).grid.resources.gpu, plan_of(SMALL).grid.resources.gpu) == ("auto", 0.0)
    assert plan_of(SMALL + "resources: {device: cuda, gpu: 0.5}\n").grid.resources.gpus_by_hand == 0.5


def test_trial_holds_a_whole_gpu_until_they_are_shared_out(plan: Plan) -> None:
    spec = plan.studies[0]
    assert plan.gpus_of(spec) == 1.0
    shared = replace(plan, shares={spec.label: 0.25})
    assert (shared.gpus_of(spec), shared.runtime_of(spec).share) == (0.25, 0.25)
    assert plan_of(SMALL).runtime_of(spec).share == 1.0


def test_smallest_gpu_of_a_cluster_is_the_one_that_counts() -> None:
    large, small = node(GPU=8, accelerator_type_H100=1), node(GPU=1, accelerator_type_T4=1)
    assert gpus_of_nodes([large]) == (named_gpu("H100"), 8)
    assert gpus_of_nodes([large, small]) == (named_gpu("T4"), 9)
    assert gpus_of_nodes([large, {**small, "Alive": False}, node(CPU=64)]) == (named_gpu("H100"), 8)
    assert gpus_of_nodes([node(CPU=64)]) == (None, 0)


def test_label_of_a_machine_says_more_than_its_type() -> None:
    plain, labelled = node(GPU=1, accelerator_type_A100=1), node(GPU=1, accelerator_type_A100=1)
    labelled["Labels"] = {"ray.io/accelerator-type": "A100-80G"}
    found = [gpus_of_nodes([each])[0] for each in (plain, labelled)]
    assert [gpu and gpu.memory for gpu in found] == [int(39.3 * GB), int(79.1 * GB)]


def test_type_that_no_table_has_leaves_the_memory_unknown() -> None:
    assert gpus_of_nodes([node(GPU=1, accelerator_type_X1=1)]) == (Gpu("X1"), 1)
    assert gpus_of_nodes([node(GPU=1), node(GPU=1, accelerator_type_H100=1)]) == (Gpu(), 2)


def test_gpu_is_named_with_its_memory_or_without() -> None:
    assert named_gpu("H100:80").memory == 80 * GB and named_gpu("H100:80").exact
    assert not named_gpu("A100").exact and named_gpu("T4").exact
    with pytest.raises(UserError, match="nothing is known of this GPU"):
        named_gpu("H9000")
    for text in ("H100:many", "H100:0", "H100:", "H100:nan"):
        with pytest.raises(UserError, match="number of GB"):
            named_gpu(text)


def test_tables_agree_on_sizes_that_rise() -> None:
    assert all(list(sizes) == sorted(sizes) and sizes for sizes in SIZES.values())
    assert set(PEAKS) <= set(SIZES)


def test_share_follows_from_memory_and_says_so(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep.planning.sharing, "need_of", lambda *_: Need(int(9.0 * GB), measured=True))
    shares = shares_of(plan, Gpu("A100", 40 * GB, 40 * GB))
    assert {share.gpus for share in shares.values()} == {0.25}
    assert share_lines(plan, shares) == ["sharing: 4 trials a GPU (measured 9.0 GB of 40.0 GB, A100)"]


def test_trial_that_fills_more_than_half_a_gpu_has_it_alone(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    for need, more in ((21, ""), (60, ": the micro-batch will be halved until it fits")):
        monkeypatch.setattr(sweep.planning.sharing, "need_of", lambda *_, need=need: Need(need * GB, measured=False))
        shares = shares_of(plan, Gpu(None, 40 * GB, 40 * GB))
        assert {share.gpus for share in shares.values()} == {1.0}
        assert {share.said for share in shares.values()} == {f"1 trial a GPU (estimated {need}.0 GB of 40.0 GB{more})"}


def test_studies_of_different_needs_get_different_shares_a_line_each(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def need(plan: Plan, spec: StudySpec, peaks: Peaks) -> Need:
        return Need(30 * GB if spec.group == "mini_udpos" else 5 * GB, measured=False)

    monkeypatch.setattr(sweep.planning.sharing, "need_of", need)
    assert share_lines(plan, shares_of(plan, Gpu(None, 40 * GB, 40 * GB))) == [
        "sharing: mini, 2 studies: 7 trials a GPU (estimated 5.0 GB of 40.0 GB)",
        "sharing: mini, 2 studies: 1 trial a GPU (estimated 30.0 GB of 40.0 GB)",
    ]


@given(needs=st.lists(st.floats(0.05, 39.9), min_size=1, max_size=12), size=st.floats(4.0, 200.0))
def test_trials_whose_shares_fit_one_gpu_never_overflow_it(needs: list[float], size: float) -> None:
    """Put trials on a GPU as long as Ray would, in any mixture of studies: their needs with the margin fit its memory."""
    plan = plan_of(AUTO)
    free, taken = 10_000, 0.0
    for need in needs:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sweep.planning.sharing, "need_of", lambda *_, need=need: Need(int(need * GB), measured=True))
            patch.setattr(sweep.planning.sharing, "check_memory", lambda *_: None)
            share = shares_of(plan, Gpu(None, int(size * GB), int(size * GB)))[plan.studies[0].label]
        assert 1 <= share.trials <= MOST
        assert round(share.gpus * 10_000) * share.trials <= 10_000 and trials_a_gpu(share.gpus) == share.trials
        assert share.trials == 1 or need * MARGIN * share.trials <= size * 1.0001
        if round(share.gpus * 10_000) <= free:
            free, taken = free - round(share.gpus * 10_000), taken + (need * MARGIN if share.trials > 1 else size)
    assert taken <= size * 1.0001


def test_gpus_are_shared_no_further_than_there_are_trials_for_them(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the trials of a small grid would crowd on a few GPUs of a large cluster, and the others would idle."""
    monkeypatch.setattr(sweep.planning.sharing, "need_of", lambda *_: Need(GB, measured=True))
    assert most_at_once(plan) == (4 + 1 + 4 + 1) * 2
    gpu = Gpu(None, 40 * GB, 40 * GB)
    found = {count: {share.trials for share in shares_of(plan, gpu, count).values()} for count in (1, 3, 4, 8, 20, 64)}
    assert found == {1: {8}, 3: {7}, 4: {5}, 8: {3}, 20: {1}, 64: {1}}
    said = {share.said for share in shares_of(plan, gpu, 8).values()}
    assert said == {"3 trials a GPU (measured 1.0 GB of 40.0 GB: more are never ready at once)"}
    resources = plan.grid.resources.model_copy(update={"trials_at_once": 2})
    assert most_at_once(replace(plan, grid=plan.grid.model_copy(update={"resources": resources}))) == 2


def test_gpu_too_small_for_a_single_example_is_refused_with_the_remedy(plan: Plan) -> None:
    with pytest.raises(UserError, match="need more memory than there is") as fault:
        shares_of(plan, Gpu("T4", GB, GB))
    assert "on a T4 of 1.0 GB" in str(fault.value) and "a larger one" in fault.value.remedy


def test_share_by_hand_stays_and_is_checked_where_the_memory_is_known(tmp_path: Path) -> None:
    plan = plan_of(SMALL + "resources: {device: cuda, gpu: 0.25}\n", tmp_path)
    assert {share.said for share in shares_of(plan, None).values()} == {"4 trials a GPU (`resources.gpu` is 0.25)"}
    with pytest.raises(UserError, match=r"on 0\.25 of an H100 of 4\.0 GB"):
        shares_of(plan, named_gpu("H100:4"))


def test_memory_that_nobody_tells_leaves_a_trial_a_whole_gpu(plan: Plan) -> None:
    for gpu in (None, Gpu("X1")):
        assert share_lines(plan, shares_of(plan, gpu)) == [f"sharing: 1 trial a GPU ({UNKNOWN})"]


@pytest.mark.parametrize(
    ("gpu", "size"),
    [(None, 60.0), (Gpu("X1"), 60.0), (named_gpu("A100"), 60.0), (named_gpu("V100"), 31.7), (named_gpu("T4"), 14.5)],
)
def test_stated_memory_holds_where_the_cluster_leaves_it_open(gpu: Gpu | None, size: float, tmp_path: Path) -> None:
    """An A100 has 39 or 79 GB, and a V100 never 60; a T4 is what it is."""
    plan = plan_of(SMALL + "resources: {device: cuda, gpu_memory: 60}\n", tmp_path)
    said = {share.said for share in shares_of(plan, gpu).values()}
    assert all(f" of {size:.1f} GB" in each for each in said)


def test_peak_that_was_measured_goes_before_the_estimate(plan: Plan) -> None:
    spec = study_of(plan, "mini.none.mini_tatoeba")
    (phase,) = phases_of(plan, spec)
    estimate = need_of(plan, spec, Peaks.read(plan.notes))
    subject = peak_subject(phase, [plan.sources["mini_mlm"].row.kind], plan.runtime_of(spec))
    key = plan.models["mini"].identity.key
    for device, size in (("NVIDIA T4, 15 GiB", 3 * GB), ("NVIDIA H100, 79 GiB", 2 * GB), ("cpu, 8 GiB", 7 * GB)):
        Notes(plan.notes, key, device).remember_peak(subject, size)
    Notes(plan.notes, "another model", "NVIDIA T4, 15 GiB").remember_peak(subject, 9 * GB)
    found = need_of(plan, spec, Peaks.read(plan.notes))
    assert not estimate.measured
    assert found == Need(3 * GB + BESIDES["cuda"], measured=True), "the most that was seen on any GPU"


def test_measurement_of_one_phase_does_not_hide_another_that_needs_more(plan: Plan) -> None:
    spec = study_of(plan, "mini.mini_nli.mini_udpos")
    phase = phases_of(plan, spec)[1]
    subject = peak_subject(phase, [plan.sources["mini_nli"].row.kind], plan.runtime_of(spec))
    Notes(plan.notes, plan.models["mini"].identity.key, "NVIDIA T4, 15 GiB").remember_peak(subject, GB >> 4)
    assert not need_of(plan, spec, Peaks.read(plan.notes)).measured


def test_plan_of_a_cluster_has_its_shares_and_says_them(plan: Plan) -> None:
    shared, lines = shared_out(plan, [node(GPU=1, accelerator_type_T4=1)])
    assert set(shared.shares) == {spec.label for spec in plan.studies}
    assert lines and all(line.startswith("sharing: ") and "T4" in line for line in lines)
    assert shared_out(plan_of(SMALL))[0].shares == {}


def test_sharing_is_in_the_plan_and_its_times(plan: Plan) -> None:
    from sweep.planning.nominal import NominalPlan

    found = NominalPlan(plan=plan, splits=tuple(plan.digests), models=())
    whole = overview(found, gpu=Gpu("H100"))
    shared = overview(found, gpu=named_gpu("H100"))
    assert whole["pace"] == [] and "1 trial a GPU" in whole["sharing"][0]
    assert shared["pace"] == ["8 trials on a GPU train 1.2 times what one does (1 to 2, assumed)"]
    assert {study["gpus"] for study in shared["studies"]} == {0.125}
    for hours in (shared["gpu_hours"], shared["hours_at"]["1"]):
        assert hours["low"] < hours["likely"] < hours["high"]
    assert shared["gpu_hours"]["likely"] < whole["gpu_hours"]["likely"]
    assert shared["gpu_hours"]["high"] <= whole["gpu_hours"]["high"] * 1.05
