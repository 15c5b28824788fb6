"""The demand that is published follows what the search could run, no more; and the room follows the nodes that are up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from sweep.elastic.demand import Demand
from sweep.elastic.publishing import EXPIRY, REPEAT, Elastic, Wish, nodes_up
from sweep.elastic.room import ChangingRoom
from sweep.planning.room import Machine
from sweep.search.board import Ask, Board
from sweep.search.index import MemoryIndex
from tests.sweep.plans import SMALL, plan_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Coordinator:
    """Ray's coordinator, as far as a launch speaks to it: wishes by name, with the moment at which they run out."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.wishes, self.calls = clock, dict[str, tuple[list[dict[str, float]], float]](), 0
        self.request_resources, self.cancel_request = Call(self._request), Call(self._cancel)

    def _request(self, requester_id: str, resources: list[dict[str, float]], expire_after_s: float) -> None:
        self.calls += 1
        self.wishes[requester_id] = resources, self.clock() + expire_after_s

    def _cancel(self, requester_id: str) -> None:
        self.wishes.pop(requester_id, None)

    @property
    def wanted(self) -> int:
        return sum(len(bundles) for bundles, until in self.wishes.values() if until > self.clock())


class Call:
    def __init__(self, does: Callable[..., None]) -> None:
        self.remote = does


class Scene:
    """A board over the small grid, a room of one-core nodes, and who tells the autoscaler."""

    def __init__(
        self, tmp_path: Path, nodes: int = 0, most: int = 8, seconds: float = 10.0, lead: float = 15.0, settling: float = 0.0
    ) -> None:
        self.clock, self.index, self.nodes, self.over = Clock(), MemoryIndex(), nodes, False
        self.said: list[str] = []
        self.room = ChangingRoom(self.machines(), 1.0, lambda spec: 0.0)
        storage = optuna.storages.InMemoryStorage()
        plan = plan_of(SMALL, tmp_path)
        self.board = Board.open(plan, storage, [], index=self.index, seconds=lambda node: seconds, gates=(self.room,))
        demand = Demand(self.board, most, self.room, lambda: self.over, lead, settling, self.clock)
        self.ray = Coordinator(self.clock)
        wish = Wish(lambda: self.ray, self.clock)
        self.elastic = Elastic(demand, lambda ask: [{"CPU": 1.0}], self.machines, self.said.append, wish=wish, clock=self.clock)

    def machines(self) -> list[Machine]:
        return [Machine(1.0, []) for _ in range(self.nodes)]

    def step(self, seconds: float = 1.0) -> list[Ask]:
        """Tune asks for all it can get, and the callback looks."""
        self.clock.now += seconds
        started = []
        while (ask := self.board.next()) is not None:
            started.append(ask)
        self.elastic.on_step_begin(0, [])
        return started

    def end(self, ask: Ask) -> None:
        for node in ask.nodes:
            self.index.add(node.key)
        self.board.finish(ask.leg, 0.5)


def test_with_no_node_up_one_is_asked_for_since_all_chains_begin_with_one_phase(tmp_path: Path) -> None:
    scene = Scene(tmp_path, lead=0.0)
    assert scene.step() == [] and scene.ray.wanted == 1
    assert scene.elastic.expecting()


def test_leg_starts_when_its_node_is_up_and_nothing_is_wanted_while_nothing_else_could_run(tmp_path: Path) -> None:
    scene = Scene(tmp_path, lead=0.0)
    scene.step()
    scene.nodes = 1
    scene.clock.now += 1.0
    assert scene.board.next() is None and scene.elastic.expecting(), "the look that finds the node ends no sweep"
    assert len(scene.step()) == 1
    assert scene.ray.wanted == 0 and not scene.elastic.expecting()


def test_more_nodes_are_asked_for_before_the_phase_that_all_wait_for_is_done(tmp_path: Path) -> None:
    scene = Scene(tmp_path, nodes=1, seconds=100.0, lead=30.0)
    (first,) = scene.step()
    assert scene.ray.wanted == 0
    scene.step(65.0)
    assert scene.ray.wanted == 0
    scene.step(10.0)
    several = scene.ray.wanted
    assert several > 1
    scene.index.add(first.nodes[0].key)
    scene.step()
    assert scene.ray.wanted == several


def test_demand_is_what_the_search_hands_out_when_it_is_met(tmp_path: Path) -> None:
    scene = Scene(tmp_path, nodes=1)
    (first,) = scene.step()
    scene.end(first)
    scene.step()
    wanted = scene.ray.wanted
    scene.nodes = wanted
    scene.step()
    scene.step()
    assert len(scene.board.running) == wanted > 1


def test_never_more_is_asked_for_than_may_run_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, nodes=1, most=2)
    (first,) = scene.step()
    scene.end(first)
    scene.step()
    assert scene.ray.wanted == 2


def test_node_that_is_gone_is_asked_for_again_while_its_leg_is_without(tmp_path: Path) -> None:
    scene = Scene(tmp_path, nodes=1, lead=0.0)
    assert len(scene.step()) == 1 and scene.ray.wanted == 0
    scene.nodes = 0
    scene.step()
    assert scene.ray.wanted == 1
    scene.nodes = 1
    assert scene.step() == [] and scene.ray.wanted == 0
    assert scene.step() == [], "the place belongs to the leg that has lost its own"


def test_node_is_wanted_until_its_leg_has_settled_on_it(tmp_path: Path) -> None:
    """A session takes seconds to start; an idle node could be taken away meanwhile."""
    scene = Scene(tmp_path, nodes=1, seconds=100.0, lead=0.0, settling=30.0)
    assert len(scene.step()) == 1 and scene.ray.wanted == 1
    scene.step(25.0)
    assert scene.ray.wanted == 1
    scene.step(10.0)
    assert scene.ray.wanted == 0


def test_nothing_is_wanted_once_the_sweep_is_to_stop(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.step()
    assert scene.ray.wanted == 1
    scene.over = True
    scene.step()
    assert scene.ray.wanted == 0 and not scene.elastic.expecting()


def test_wish_is_withdrawn_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(tmp_path)
    scene.step()
    monkeypatch.setattr("ray.get", lambda found, timeout: None)
    scene.elastic.close()
    scene.elastic.close()
    assert scene.ray.wishes == {}


def test_wish_of_a_launch_that_is_killed_runs_out_and_a_living_one_repeats_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for _ in range(3):
        scene.step(EXPIRY - REPEAT)
    assert scene.ray.wanted == 1 and scene.ray.calls == 3
    scene.clock.now += EXPIRY
    assert scene.ray.wanted == 0


def test_wait_for_nodes_that_do_not_come_is_said_now_and_then(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for _ in range(70):
        scene.step(10.0)
    assert len(scene.said) == 2 and "ray status" in scene.said[0]


def test_nodes_about_to_be_taken_away_do_not_count() -> None:
    nodes: list[dict[str, Any]] = [
        {"NodeID": "a", "Alive": True, "Resources": {"CPU": 1.0}},
        {"NodeID": "b", "Alive": True, "Resources": {"CPU": 2.0}},
        {"NodeID": "c", "Alive": False, "Resources": {"CPU": 4.0}},
    ]
    assert nodes_up(nodes, {"a": 0}) == [{"CPU": 2.0}]
