"""What training takes: rates that were measured go before assumed ones, ranges keep their order, and sums add up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.reading import load_grid
from sweep.options import LaunchOptions
from sweep.planning.architecture import KNOWN, Architecture, architecture_of
from sweep.planning.calibrate import calibrate
from sweep.planning.costs import Costs, Span, costs_of, money, spent_seconds
from sweep.planning.gpus import Gpu
from sweep.planning.nominal import nominal_plan, plan_with_what_is_there
from sweep.planning.plan import Plan
from sweep.planning.rehearsal import rehearse
from sweep.planning.sizes import Sizes
from sweep.planning.splits import SplitSize
from sweep.planning.throughput import SINGLE, assumed_rates, measured_rates, samples_of
from sweep.sources import ResolvedModel
from tests.sweep.plans import SMALL, plan_of, score_record, study_of
from training.errors import UserError
from training.identity import PhaseIdentity, Role
from training.record import CarryReport, PhaseTrace, TrialRecord

BASE = KNOWN["FacebookAI/xlm-roberta-base"]
LARGE = KNOWN["FacebookAI/xlm-roberta-large"]


def _sizes(tokens: float = 1000.0) -> Sizes:
    tasks = ("mini_mlm", "mini_nli", "mini_udpos")
    return Sizes({("mini", f"{task}/train"): SplitSize((1,), tokens, "") for task in tasks})


def _phase(plan: Plan, role: Role) -> PhaseIdentity:
    study = study_of(plan, "mini.mini_nli.mini_udpos")
    chain = plan.chain(study, {name: 1.0 for name in study.axes}, 1)
    return next(phase for phase in chain.phases if phase.role is role)


def _trained(phase: PhaseIdentity, tokens: int, seconds: float, key: str = "k") -> TrialRecord:
    trace = PhaseTrace(
        key=key,
        identity=phase,
        outcome="trained",
        seconds=seconds,
        steps=1,
        tokens=tokens,
        curve=(),
        carry=CarryReport(carried=0),
    )
    record = score_record(study_of(plan_of(), "mini.none.mini_udpos"), 0, 1, {}, 50.0)
    return replace(record, model="mini", phases=(trace,), timing={"seconds": seconds + 2, "start": 2.0})


def test_published_architecture_has_the_parameters_that_are_known_of_it() -> None:
    assert LARGE.encoder / 1e6 == pytest.approx(302, abs=1)
    assert LARGE.parameters / 1e6 == pytest.approx(559, abs=2)
    assert BASE.parameters / 1e6 == pytest.approx(278, abs=2)
    assert LARGE.flops(45) / 1e9 == pytest.approx(1.83, abs=0.01)
    assert LARGE.checkpoint_bytes == 3 * LARGE.phase_bytes == 12 * LARGE.parameters


def test_architecture_is_read_from_a_models_folder_and_else_assumed(tmp_path: Path) -> None:
    grid, plan = load_grid("all"), nominal_plan(load_grid("all"))
    model, nowhere = grid.models["xlmr_large"], plan.models["xlmr_large"]
    assert architecture_of(model, nowhere) == LARGE
    config = {"num_hidden_layers": 2, "hidden_size": 8, "intermediate_size": 16, "vocab_size": 100}
    (tmp_path / "config.json").write_text(json.dumps(config))
    here = ResolvedModel(folder=tmp_path, identity=nowhere.identity)
    assert architecture_of(model, here) == Architecture(2, 8, 16, 100)
    unknown = architecture_of(model.model_copy(update={"source": "some/encoder"}), nowhere)
    assert unknown.basis.startswith("assumed")


def test_measured_rate_goes_before_one_of_other_tasks_and_that_before_an_assumed_one() -> None:
    plan = plan_of()
    target, intermediate = _phase(plan, Role.TARGET), _phase(plan, Role.INTERMEDIATE)
    assumed = assumed_rates({"mini": BASE, "other": BASE}, device="cpu", gpu=None, cores=2)
    rates = measured_rates(samples_of([_trained(target, 5000, 10.0)]), assumed, "earlier trials")
    assert rates.of("mini", target).likely == 500.0
    assert rates.of("mini", target).basis == "measured: earlier trials"
    assert rates.of("mini", intermediate).likely == 500.0
    assert rates.of("mini", intermediate).low < rates.of("mini", target).low
    assert rates.of("mini", intermediate).basis == "measured: earlier trials, of other tasks"
    assert rates.of("other", target).basis == "assumed: 2 CPU cores"


def test_several_measurements_span_a_range_and_their_likely_rate_is_by_time() -> None:
    target = _phase(plan_of(), Role.TARGET)
    records = [_trained(target, 1000, 1.0, "a"), _trained(target, 1000, 4.0, "b")]
    assumed = assumed_rates({"mini": BASE}, device="cpu", gpu=None, cores=1)
    rate = measured_rates(samples_of(records), assumed, "").of("mini", target)
    assert (rate.low, rate.likely, rate.high) == (250.0, 400.0, 1000.0)
    alone = measured_rates(samples_of(records[:1]), assumed, "").of("mini", target)
    assert (alone.low, alone.high) == pytest.approx((SINGLE[0] * 1000, SINGLE[2] * 1000))


def test_phase_that_many_trials_used_is_one_measurement() -> None:
    target = _phase(plan_of(), Role.TARGET)
    assert len(samples_of([_trained(target, 1000, 1.0), _trained(target, 1000, 1.0)])) == 1


def test_gpu_of_unknown_speed_is_a_fault() -> None:
    with pytest.raises(UserError, match="nothing is known of this GPU's speed"):
        assumed_rates({"mini": BASE}, device="cuda", gpu=Gpu("B200"), cores=1)
    rates = assumed_rates({"mini": BASE}, device="cuda", gpu=Gpu("H100"), cores=1)
    assert rates.of("mini", _phase(plan_of(), Role.TARGET)).basis == "assumed: H100"


def _costs(plan: Plan, records: tuple[TrialRecord, ...] = ()) -> Costs:
    return costs_of(plan, _sizes(), records)


def test_leg_takes_its_start_its_missing_training_and_its_evaluation() -> None:
    plan = plan_of(SMALL)
    target = _phase(plan, Role.TARGET)
    costs = _costs(plan, (_trained(target, 1000, 1.0),))
    found = rehearse(plan, costs.likely, extra=lambda ask: costs.besides(ask).likely)
    total = sum(costs.leg(ask).likely for ask in found.legs)
    assert total == pytest.approx(found.makespan)
    assert costs.start == Span(2.0, 2.0, 2.0)
    ask = next(ask for ask in found.legs if ask.missing)
    whole = costs.leg(ask)
    assert whole.low <= whole.likely <= whole.high
    assert costs.leg(replace(ask, missing=())).likely == pytest.approx(costs.besides(ask).likely)
    half = replace(ask, rung=0, until=0.5)
    assert costs.leg(half).likely < whole.likely


def test_hours_money_and_storage_follow_from_seconds_and_parameters() -> None:
    plan = plan_of(SMALL + "resources: {gpu: 0.25, device: cuda}\n")
    costs = _costs(plan)
    assert {costs.gpus(study) for study in plan.studies} == {0.25}
    assert money(Span(1, 2, 4), 2.5) == {"low": 2.5, "likely": 5.0, "high": 10.0, "price": 2.5}
    assert money(Span(1, 2, 4), None) is None
    found = rehearse(plan, costs.likely)
    size = costs.architectures["mini"]
    assert costs.storage(found, 1, 2) == (len(found.nodes) + 1) * size.phase_bytes + 2 * size.checkpoint_bytes
    record = _trained(_phase(plan, Role.TARGET), 10, 3.0)
    assert spent_seconds(plan, [record]) == 5.0 * 0.25
    assert spent_seconds(plan, [replace(record, provenance={"gpus": "0.5"})]) == 5.0 * 0.5
    assert spent_seconds(plan_of(), [record]) == 5.0


def test_trials_that_share_a_gpu_are_slower_by_what_is_assumed_until_it_was_measured() -> None:
    """Four on a GPU train 1 to 2 times what one does, 1.2 likely; records of four on a GPU say what it is."""
    plan = plan_of(SMALL + "resources: {gpu: 0.25, device: cuda}\n")
    study, target = study_of(plan, "mini.none.mini_udpos"), _phase(plan, Role.TARGET)
    alone = replace(_trained(target, 1000, 1.0), provenance={"gpus": "1"})
    assert _costs(plan, (alone,)).pace(study) == Span(2.0, 4 / 1.2, 4.0)
    assert _costs(plan, (alone,)).rates.of("mini", target).likely == 1000.0
    four = replace(_trained(target, 1000, 8.0), provenance={"gpus": "0.25"})
    costs = _costs(plan, (four,))
    assert costs.pace(study) == Span(4 / 1.2, 4 / 1.2, 4 / 1.2)
    assert costs.rates.of("mini", target).likely / costs.pace(study).likely == pytest.approx(1000 / 8)
    assert _costs(plan_of()).pace(study) == Span(1.0, 1.0, 1.0)


def test_calibration_measures_every_kind_of_phase_and_stores_nothing(tmp_path: Path) -> None:
    plan = plan_with_what_is_there(LaunchOptions(grid="tiny", run=tmp_path / "run")).plan
    samples = calibrate(plan, 0.1)
    chains = [plan.chain(study, {name: 1.0 for name in study.axes}, 1) for study in plan.studies]
    kinds = {tuple(use.task for use in phase.tasks) for chain in chains for phase in chain.phases}
    assert {tasks for _, tasks, _, _ in samples} == kinds
    assert all(tokens > 0 and seconds > 0 for _, _, tokens, seconds in samples)
    assert not (tmp_path / "run").exists()
    costs = costs_of(plan, Sizes({}), calibrated=samples)
    assert costs.basis([]) == []
    assert {costs.rates.of("mini", phase).basis for chain in chains for phase in chain.phases} == {
        "measured: a calibration on this machine"
    }
