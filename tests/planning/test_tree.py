"""The tree of phases: what chains share, and how much of it a leg trains."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.planning.tree import Node, nodes_of, until_share
from sweep.search.levels import bucket, leg_seconds, passes
from tests.sweep.plans import SMALL, plan_of, study_of
from training.identity import WSD, ChainIdentity, PhaseIdentity, Role

WSD_GRID = SMALL.replace("epochs: [1]}", "epochs: [1, 3]}").replace("epochs: [1, 2]}", "epochs: [1, 2, 4]}") + (
    "training: {schedule: wsd, decay: 0.25}\n"
)


def _nodes(text: str, study: str = "mini.mini_nli.mini_udpos", *, seed: int = 1, **values: float) -> tuple[Node, ...]:
    plan = plan_of(text)
    spec = study_of(plan, study)
    setting = {"intermediate.lr": 3e-4, "intermediate.epochs": 1, "target.lr": 1e-3, "target.epochs": 1}
    setting |= {name.replace("_", "."): value for name, value in values.items()}
    return plan.nodes_of(spec, plan.chain(spec, setting, seed))


def _keys(nodes: tuple[Node, ...]) -> list[str]:
    return [node.key for node in nodes]


def test_nodes_of_a_linear_schedule_are_the_phases() -> None:
    nodes = _nodes(SMALL)
    assert [node.phase.role for node in nodes] == [Role.PRETRAIN, Role.INTERMEDIATE, Role.TARGET]
    assert [node.epochs for node in nodes] == [1.0, 1.0, 1.0]
    assert not any(node.is_trunk for node in nodes)


def test_chains_share_what_comes_before_the_first_difference() -> None:
    one, other = _nodes(SMALL), _nodes(SMALL, target_epochs=2)
    assert _keys(one)[:2] == _keys(other)[:2]
    assert _keys(one)[2] != _keys(other)[2]
    assert _keys(_nodes(SMALL, seed=2))[0] == _keys(one)[0]
    assert not set(_keys(_nodes(SMALL, seed=2))[1:]) & set(_keys(one))


def test_phases_that_differ_in_epochs_alone_share_their_trunk() -> None:
    short, long = _nodes(WSD_GRID, target_epochs=2), _nodes(WSD_GRID, target_epochs=4)
    of_short, of_long = ([node for node in nodes if node.phase.role is Role.TARGET] for nodes in (short, long))
    assert [node.epochs for node in of_short] == [0.75, 0.75, 0.5]
    assert [node.epochs for node in of_long] == [0.75, 0.75, 1.5, 1.0]
    assert _keys(tuple(of_short))[:2] == _keys(tuple(of_long))[:2]
    assert not set(_keys(tuple(of_short))[2:]) & set(_keys(tuple(of_long)))


def test_another_learning_rate_or_seed_is_another_trunk() -> None:
    trunks = [set(_keys(_nodes(WSD_GRID, target_lr=lr, seed=seed))) for lr, seed in ((1e-3, 1), (1e-4, 1), (1e-3, 2))]
    shared = set.intersection(*trunks)
    assert len(shared) == 1, "the pretraining phase alone, which has a schedule of its own"


def test_another_decay_is_another_trunk_only_where_there_is_one() -> None:
    other = WSD_GRID.replace("decay: 0.25", "decay: 0.5")
    assert not set(_keys(_nodes(WSD_GRID))[1:]) & set(_keys(_nodes(other)))
    assert _keys(_nodes(SMALL)) == _keys(_nodes(SMALL + "training: {decay: 0.5}\n"))


@given(epochs=st.integers(1, 6), branches=st.sets(st.integers(1, 6)), decay=st.floats(0.05, 0.9), until=st.floats(0.01, 1.0))
def test_nodes_hold_every_pass_once_and_a_leg_its_share(epochs: int, branches: set[int], decay: float, until: float) -> None:
    base = _nodes(WSD_GRID)[-1].phase
    phase: PhaseIdentity = replace(base, epochs=epochs, decay=decay, schedule=WSD)
    chain = plan_of(SMALL).chain(study_of(plan_of(SMALL), "mini.none.mini_tatoeba"), {}, 1)
    only: ChainIdentity = replace(chain, phases=(phase,))
    nodes = nodes_of(only, {Role.TARGET: tuple(sorted(branches))}, "mini")
    assert sum(node.epochs for node in nodes) == pytest.approx(epochs)
    shares = until_share(nodes, until)
    assert sum(node.epochs * share for node, share in zip(nodes, shares, strict=True)) == pytest.approx(until * epochs)
    assert list(shares) == sorted(shares, reverse=True)


def test_seconds_of_a_leg_leave_out_what_is_stored_and_what_an_earlier_leg_has_done() -> None:
    nodes = _nodes(SMALL, target_epochs=2)
    assert leg_seconds(nodes, 0.0, 1.0, lambda key: False, passes) == 4.0
    assert leg_seconds(nodes, 0.0, 0.25, lambda key: False, passes) == 2.5
    assert leg_seconds(nodes, 0.25, 1.0, lambda key: key != nodes[-1].key, passes) == 1.5
    assert leg_seconds((), 0.0, 1.0, lambda key: False, passes) == 0.0


def test_ways_of_nearly_the_same_length_are_equally_urgent() -> None:
    assert bucket(100.0) == bucket(101.0) < bucket(200.0)
    assert bucket(0.0) < bucket(1e-3)
