"""Counted comparisons: what each way of running a grid trains, against sums made by hand."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from search_spaces.reading import load_grid
from sweep.cli import main
from sweep.planning.compare import DEFINITIONS, comparison
from sweep.planning.nominal import nominal_plan
from sweep.planning.sizes import Sizes, sizes_of
from sweep.planning.splits import SplitSize
from tests.sweep.plans import plan_of

TWO = """\
name: two
models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 3}}}
intermediates: [none, mini_nli]
targets: [mini_udpos, mini_xquad, mini_xquad_xr, mini_tatoeba]
seeds: [1, 2]
search:
  trials: 2
  sampler: random
  space:
    intermediate: {lr: [3e-4], epochs: [2]}
    target: {lr: [1e-4, 1e-3], epochs: [1]}
"""
"""Two settings a trained pair, and one for retrieval; `mini_xquad` and `mini_xquad_xr` both learn from `mini_squad`."""
PRETRAIN, NLI, UDPOS, SQUAD = 1000.0, 100.0, 10.0, 30.0


def _sizes() -> Sizes:
    tokens = {"mini_mlm": PRETRAIN, "mini_nli": NLI, "mini_udpos": UDPOS, "mini_squad": SQUAD}
    return Sizes({("mini", f"{task}/train"): SplitSize((1,), each, "") for task, each in tokens.items()})


def _tokens(text: str) -> dict[str, int]:
    return {way["way"]: way["tokens"] for way in comparison(plan_of(text), _sizes())["ways"]}


def test_every_way_is_what_its_definition_says() -> None:
    found = _tokens(TWO)
    trials = 2 * 2
    own = UDPOS + 2 * SQUAD
    before = 3 * PRETRAIN
    # of a pair's trials: those of three trained targets, through nothing and through MNLI; of retrieval, one setting a seed
    naive = trials * (2 * own + 3 * before + 3 * (before + 2 * NLI)) + 2 * before + 2 * (before + 2 * NLI)
    assert found["naive"] == naive
    assert found["once"] == found["once, one setting"] == trials * 2 * own + before + 2 * 2 * NLI
    assert found["tree"] == trials * 2 * (UDPOS + SQUAD) + before + 2 * 2 * NLI


def test_wsd_shares_what_lies_before_the_decay_and_changes_nothing_else() -> None:
    text = TWO.replace("intermediate: {lr: [3e-4], epochs: [2]}", "intermediate: {lr: [3e-4], epochs: [1, 2]}")
    found = _tokens(text)
    assert found["tree"] - found["tree, wsd"] == pytest.approx(2 * 0.8 * NLI)
    assert _tokens(TWO)["tree"] == _tokens(TWO)["tree, wsd"]


def test_stopping_never_trains_more_and_every_ratio_is_told() -> None:
    shown = comparison(plan_of(TWO), _sizes())
    assert [way["way"] for way in shown["ways"]] == list(DEFINITIONS)
    tokens = {way["way"]: way["tokens"] for way in shown["ways"]}
    assert tokens["tree, stopping"] < tokens["tree"]
    for way in shown["ways"]:
        for other, ratio in way["fewer"].items():
            assert ratio == pytest.approx(tokens[other] / way["tokens"], abs=0.01)


@pytest.mark.slow
def test_study_grid_comparison_is_printed_for_programs_and_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEP_DATA", raising=False)
    done = CliRunner().invoke(main, ["plan", "--grid", "all", "--compare", "--json"])
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    plan = nominal_plan(load_grid("all"))
    assert shown["ways"] == json.loads(json.dumps(comparison(plan, sizes_of(plan, plan.digests))))["ways"]
    assert shown["trials"] == plan.trials()
    assert {(aim["way"], aim["than"]): aim["aim"] for aim in shown["aims"]} == {
        ("tree", "naive"): 5.0,
        ("tree", "once"): 1.3,
        ("tree, stopping", "naive"): 15.0,
        ("tree, stopping", "once"): 4.0,
    }
