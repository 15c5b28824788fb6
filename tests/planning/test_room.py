"""Room on machines whose GPUs trials share: nothing is handed out that finds no place, and nothing waits for ever."""

from __future__ import annotations

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.planning.rehearsal import rehearse
from sweep.planning.room import TINY, Machine, Room, machines_of
from sweep.planning.studies import StudySpec
from sweep.search.board import Ask, Board
from sweep.search.index import MemoryIndex
from tests.sweep.plans import SMALL, plan_of

PLAN = plan_of(SMALL.replace("[mini_udpos, mini_tatoeba]", "[mini_udpos]"))
SPECS = {study.intermediate.name: study for study in PLAN.studies}


def ask(name: str, spec: StudySpec) -> Ask:
    return Ask(spec, 0, 1, {}, name, ())


def room(*gpus: int, shares: dict[str, float], cpu: float = 0.0, cores: float = 0.0) -> Room:
    held = {SPECS[name].label: share for name, share in shares.items()}
    return Room([Machine(cores, [1.0] * count) for count in gpus], cpu, lambda spec: held[spec.label])


def start(found: Room, *names: str, kind: str = "none") -> int:
    """How many of some legs found room."""
    done = 0
    for name in names:
        if found.admits(ask(name, SPECS[kind])):
            found.started(ask(name, SPECS[kind]))
            done += 1
    return done


def test_trials_fill_a_gpu_and_the_next_one() -> None:
    found = room(2, shares={"none": 0.3333})
    assert found.most(0.3333) == 6
    assert start(found, *"abcdefgh") == 6
    assert [round(free, 4) for free in found.machines[0].gpus] == [0.0001, 0.0001]
    found.ended(ask("b", SPECS["none"]))
    assert start(found, "g", "h") == 1


def test_cores_limit_trials_too() -> None:
    found = room(4, shares={"none": 0.25}, cpu=4.0, cores=10.0)
    assert found.most(0.25) == 2
    assert start(found, "a", "b", "c") == 2


def test_trial_of_several_gpus_needs_them_on_one_machine() -> None:
    found = room(1, 1, shares={"none": 2.0, "mini_nli": 1.0})
    assert start(found, "a") == 0
    found = room(1, 2, shares={"none": 2.0, "mini_nli": 1.0})
    assert start(found, "a") == 1
    assert start(found, "b", "c", kind="mini_nli") == 1


def test_small_trials_are_put_where_least_is_left() -> None:
    found = room(2, shares={"none": 0.25, "mini_nli": 1.0})
    assert start(found, "a", "b", "c") == 3
    assert start(found, "large", kind="mini_nli") == 1


def test_large_trial_gets_a_gpu_that_small_ones_would_take_for_ever() -> None:
    """Three of four quarters are busy: the large one waits, and what falls free is kept for it."""
    found = room(1, shares={"none": 0.25, "mini_nli": 1.0})
    assert start(found, "a", "b", "c") == 3
    assert start(found, "large", kind="mini_nli") == 0
    assert start(found, "d") == 0
    for name in "abc":
        found.ended(ask(name, SPECS["none"]))
        assert start(found, "large", kind="mini_nli") == (name == "c")
        assert start(found, f"after {name}") == 0


def test_gpu_is_kept_for_one_trial_and_others_go_on_elsewhere() -> None:
    found = room(2, shares={"none": 0.5, "mini_nli": 1.0})
    assert start(found, "a", "b", "c") == 3
    found.ended(ask("a", SPECS["none"]))
    assert start(found, "large", kind="mini_nli") == 0
    assert start(found, "d", "e") == 1, "one of the two halves is kept"


def test_trial_that_no_machine_holds_does_not_stop_the_others() -> None:
    found = room(1, shares={"none": 0.5, "mini_nli": 2.0})
    assert start(found, "large", kind="mini_nli") == 0
    assert start(found, "a", "b") == 2


@given(st.data())
def test_no_gpu_and_no_core_is_ever_given_twice(data: st.DataObject) -> None:
    shares = data.draw(st.fixed_dictionaries({name: st.sampled_from((0.125, 0.3333, 0.5, 1.0, 2.0)) for name in SPECS}))
    found = room(*data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)), shares=shares, cpu=1.0, cores=4.0)
    before = [list(machine.gpus) for machine in found.machines]
    running: list[Ask] = []
    for number in range(40):
        if running and data.draw(st.booleans()):
            over = running.pop(data.draw(st.integers(0, len(running) - 1)))
            found.ended(over)
        else:
            new = ask(str(number), SPECS[data.draw(st.sampled_from(sorted(SPECS)))])
            if found.admits(new):
                found.started(new)
                running.append(new)
        for machine in found.machines:
            assert machine.cpu >= -TINY
            assert all(-TINY <= free <= 1 + TINY for free in machine.gpus)
    for over in running:
        found.ended(over)
    assert [machine.gpus for machine in found.machines] == [pytest.approx(gpus) for gpus in before]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
def test_search_runs_as_many_trials_at_once_as_there_is_room(share: float) -> None:
    found = Room([Machine(0.0, [1.0])], 0.0, lambda spec: share)
    board = Board.open(PLAN, optuna.storages.InMemoryStorage(), [], index=MemoryIndex(), gates=(found,))
    most = 0
    while not board.finished:
        while board.next() is not None:
            most = max(most, len(board.running))
        over = next(iter(board.running.values()))
        assert isinstance(board.index, MemoryIndex)
        for key in over.missing:
            board.index.add(key)
        board.finish(over.leg, 50.0)
    assert most == min(2, round(1 / share)), "two studies, one setting of each at once"


def test_rehearsal_on_shared_gpus_does_the_same_work_at_the_pace_of_each_leg() -> None:
    def run(share: float, pace: float) -> tuple[float, float]:
        gate = Room([Machine(0.0, [1.0])], 0.0, lambda spec: share)
        found = rehearse(PLAN, lambda node: 10.0, pace=lambda ask: pace, slots=99, gates=(gate,))
        return found.work, found.makespan

    (work, alone), (same, shared) = run(1.0, 1.0), run(0.5, 2 / 1.2)
    assert work == same
    assert alone / 1.2 <= shared <= alone * 2 / 1.2
    assert run(0.5, 1.0)[1] < alone


def test_machines_without_a_gpu_have_no_room() -> None:
    found = machines_of([{"CPU": 8.0}, {"CPU": 4.0, "GPU": 2.0}])
    assert found == [Machine(4.0, [1.0, 1.0])]
