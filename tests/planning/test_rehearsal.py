"""A sweep rehearsed without training: each piece of work once, however many GPUs, and nothing that is there already."""

from __future__ import annotations

import optuna
import pytest

from sweep.planning.plan import Plan
from sweep.planning.rehearsal import Rehearsal, made_up_score, rehearse, spans
from sweep.planning.tree import Node
from sweep.search.board import Ask, Board
from sweep.search.index import MemoryIndex
from tests.sweep.plans import SMALL, plan_of

STOPPING = "\n  at_once: 3\n  stopping: {rungs: [0.25, 0.5], keep: 0.34}"
WIDE = SMALL.replace("[1e-4, 1e-3]", "{low: 1e-5, high: 1e-3, log: true}").replace("trials: 3", "trials: 6")
STOPPED = "seeds: [1, 2, 3]\n" + WIDE.replace("trials: 6", f"trials: 6{STOPPING}")


def _passes(node: Node) -> float:
    return node.epochs


def _ran(plan: Plan, slots: int = 1) -> Rehearsal:
    return rehearse(plan, _passes, slots=slots)


@pytest.mark.parametrize("text", [SMALL, STOPPED, STOPPED + "training: {schedule: wsd}\n"])
@pytest.mark.parametrize("slots", [3, 20])
def test_what_is_trained_does_not_depend_on_the_number_of_gpus(text: str, slots: int) -> None:
    one, many = _ran(plan_of(text)), _ran(plan_of(text), slots)
    assert one.work == pytest.approx(many.work)
    assert sorted(node.key for node in one.nodes) == sorted(node.key for node in many.nodes)
    assert sorted(ask.leg for ask in one.legs) == sorted(ask.leg for ask in many.legs)
    assert one.makespan == pytest.approx(one.work)
    assert one.work / slots <= many.makespan + 1e-9 <= one.work + 1e-9


def test_without_early_stopping_every_node_is_trained_once_and_every_trial_to_its_end() -> None:
    plan = plan_of(WIDE)
    found = _ran(plan, 4)
    keys = [node.key for node in found.nodes]
    assert len(keys) == len(set(keys))
    assert found.work == pytest.approx(sum(map(_passes, found.nodes)))
    assert len(found.ended) == plan.trials()
    assert (found.stopped, found.most_paused) == (0, 0)


def test_early_stopping_ends_settings_early_and_gives_further_seeds_to_the_best() -> None:
    plan, whole = plan_of(STOPPED), plan_of("seeds: [1, 2, 3]\n" + WIDE)
    found = _ran(plan)
    assert found.stopped > 0
    assert found.most_paused > 0
    assert len(found.ended) < plan.trials() / 2
    assert found.work < 0.5 * _ran(whole).work
    best = {ask.spec.name: ask for ask in found.ended if ask.seed == 3}
    assert set(best) == {study.name for study in plan.studies}


def test_leg_counts_what_lies_between_its_rungs() -> None:
    plan = plan_of(STOPPED)
    board = Board.open(plan, optuna.storages.InMemoryStorage(), [], index=MemoryIndex())
    ask = board.next()
    assert ask is not None and ask.rung == 0
    shares = {node.phase.role: (begun, until) for node, begun, until in spans(ask)}
    assert shares == {"pretrain": (0.0, 1.0), "intermediate": (0.0, 1.0), "target": (0.0, 0.25)} or shares == {
        "pretrain": (0.0, 1.0),
        "target": (0.0, 0.25),
    }


def test_rehearsal_goes_on_from_what_the_store_holds() -> None:
    plan = plan_of(WIDE)
    first = _ran(plan)
    again = rehearse(plan, _passes, stored=[node.key for node in first.nodes])
    assert again.work == 0
    assert [ask.leg for ask in again.ended] and not again.nodes


def test_made_up_scores_follow_from_the_seed() -> None:
    plan = plan_of(STOPPED)
    assert _scores(rehearse(plan, _passes, seed=4)) == _scores(rehearse(plan, _passes, seed=4))
    assert _scores(rehearse(plan, _passes, seed=4)) != _scores(rehearse(plan, _passes, seed=5))


def _scores(found: Rehearsal) -> list[tuple[str, float]]:
    return [(ask.leg, made_up_score(ask, 0)) for ask in found.legs]


def test_leg_takes_its_extra_time_besides_its_training() -> None:
    plan = plan_of(SMALL)

    def minute(ask: Ask) -> float:
        return 60.0

    found = rehearse(plan, _passes, extra=minute)
    assert found.makespan == pytest.approx(found.work + 60.0 * len(found.legs))
