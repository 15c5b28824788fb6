"""Two workers train a phase to the losses and weights of one, whatever the task, and however it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import training.learning.steps
import training.teams.team
from tests.training import toy
from tests.training.bench import DEV, INTERMEDIATE, TAGS_TEST, Bench
from tests.training.learning.test_fitting import Memory
from tests.training.learning.test_retrieval_loss import mentions
from tests.training.pair import Pair, paired
from tests.training.retrieval_world import LINKS
from training.chain import run_chain
from training.data.encode import Encoder
from training.data.features import Encoded
from training.errors import OutOfMemoryFault, UserError
from training.identity import Adapter, Mixing, PhaseIdentity, Runtime
from training.learning.checkpoint import peek_step
from training.learning.resume import Notice
from training.models.adapters import trained_width
from training.models.backbone import load_tokenizer
from training.phase import train_phase
from training.stores.store import PhaseStore
from training.tasks.row import TaskRow
from training.teams.assist import Material, assist, take_part
from training.teams.shares import shares_of
from training.teams.team import ALONE, Team

UNITS = 25
"""With batches of 8 the last step has one unit: one of the two workers has nothing to do."""


@dataclass(frozen=True)
class Found:
    """What a worker has at the end: weights by name, the loss curve, tokens, and the sizes of its micro-batches."""

    weights: dict[str, Any]
    curve: tuple[tuple[int, float], ...]
    tokens: int
    sizes: list[int]


def task(tokenizer: Any, row: TaskRow, units: int = UNITS) -> Encoded:
    if row.name == LINKS.name:
        return Encoder(tokenizer, LINKS, 48, 0).encode(mentions(*(f"Q{number % 9}" for number in range(units))))
    return toy.encoded(tokenizer, row, units)


def settings(*rows: TaskRow, **changes: Any) -> PhaseIdentity:
    """Adam divides by the gradient's size, which enlarges the noise of tiny gradients: a large epsilon keeps that small."""
    return toy.phase(*rows, **({"lr": 1e-3, "adam_eps": 1e-3} | changes))


def trained(
    team: Team,
    folder: Path,
    *rows: TaskRow,
    phase: PhaseIdentity | None = None,
    units: tuple[int, ...] = (UNITS, UNITS),
    room: tuple[int, ...] = (0, 0),
    micro_batch: int = 0,
    compact: bool = True,
    **more: Any,
) -> Found:
    """Train a phase in any worker; `units` of data and `room` for a micro-batch (0: for any) are by rank."""
    tokenizer = load_tokenizer(folder)
    model, vocabulary = toy.fresh(folder, tokenizer, *rows, seed=1 + team.rank)
    data = [task(tokenizer, row, units[team.rank]) for row in rows]
    identity, runtime = phase or settings(*rows), Runtime(micro_batch=micro_batch, workers=team.size, compact=compact)
    memory = Memory(room[team.rank] or 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.learning.steps, "loss_of", memory)
        if not team.leads:
            assert team.told() == "a phase"
            take_part(team, lambda: Material(model, identity, data, vocabulary, runtime))
            return Found({name: value.numpy() for name, value in model.state_dict().items()}, (), 0, memory.sizes)
        with team.training("a phase", trained_width(model, identity)):
            done = train_phase(model, identity, data, vocabulary, runtime, team=team, **more)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    return Found(weights, done.curve, done.tokens, memory.sizes)


def alike(one: Found, other: Found, within: float = 1e-5) -> bool:
    return one.weights.keys() == other.weights.keys() and all(
        float(abs(value - other.weights[name]).max()) <= within for name, value in one.weights.items()
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with paired(tmp_path_factory.mktemp("meetings")) as found:
        yield found


MIXED = settings(toy.TAGS, toy.MLM, mixing=Mixing(batches="mixed", loss_scaling="log_classes"))
PHASES = {row.name: ((row,), settings(row)) for row in (*toy.TRAINED, LINKS)}
PHASES |= {"an adapter": ((toy.TAGS,), settings(toy.TAGS, adapter=Adapter(rank=4)))}
PHASES |= {"a task a batch": ((toy.NLI, toy.QA), settings(toy.NLI, toy.QA)), "mixed": ((toy.TAGS, toy.MLM), MIXED)}


@pytest.mark.parametrize("name", PHASES)
def test_two_workers_have_the_losses_tokens_and_weights_of_one(pair: Pair, toy_folder: Path, name: str) -> None:
    rows, phase = PHASES[name]
    alone = trained(ALONE, toy_folder, *rows, phase=phase)
    leader, other = pair(trained, toy_folder, *rows, phase=phase, micro_batch=3)
    assert alike(leader, alone) and alike(other, leader, within=0.0)
    assert leader.tokens == alone.tokens and len(leader.curve) == len(alone.curve) > 0
    assert all(abs(one[1] - two[1]) < 1e-5 for one, two in zip(leader.curve, alone.curve, strict=True))
    if LINKS not in rows:  # whose pairs belong together: they are the leader's
        assert 0 < sum(other.sizes) < sum(alone.sizes) and sum(leader.sizes) + sum(other.sizes) == sum(alone.sizes)


@pytest.mark.parametrize("compact", [False, True])
def test_phase_goes_on_with_another_number_of_workers(pair: Pair, toy_folder: Path, tmp_path: Path, compact: bool) -> None:
    whole = trained(ALONE, toy_folder, toy.TAGS)
    for number, first in enumerate(("one", "two")):
        path = tmp_path / f"{number}.safetensors"
        half: dict[str, Any] = {"checkpoint": path, "until": 0.5, "compact": compact}
        rest: dict[str, Any] = {"checkpoint": path}
        if first == "one":
            trained(ALONE, toy_folder, toy.TAGS, **half)
            found, _ = pair(trained, toy_folder, toy.TAGS, **rest)
        else:
            pair(trained, toy_folder, toy.TAGS, **half)
            found = trained(ALONE, toy_folder, toy.TAGS, **rest)
        assert peek_step(path) == 2 and alike(found, whole) and found.tokens == whole.tokens


def test_gradients_go_over_the_network_in_few_pieces_whatever_their_size(pair: Pair, toy_folder: Path) -> None:
    """One meeting a step and one at each end; besides the pieces of a step's gradients, two at each look at the weights."""
    alone, steps, around = trained(ALONE, toy_folder, toy.TAGS), 4, 4
    for bucket, pieces in ((1 << 22, 1), (1500, 0)):
        (leader, count), (_, other) = pair(counted, toy_folder, bucket)
        assert alike(leader, alone) and count == other
        assert not pieces or count == steps * (1 + pieces) + around


def counted(team: Team, folder: Path, bucket: int) -> tuple[Found, int]:
    count, real = 0, training.teams.team.dist.all_reduce

    def counting(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return real(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.teams.team, "BUCKET", bucket)
        patch.setattr(training.teams.team.dist, "all_reduce", counting)
        return trained(team, folder, toy.TAGS), count


def test_worker_without_memory_has_all_of_them_try_smaller_pieces_to_the_same_weights(pair: Pair, toy_folder: Path) -> None:
    leader, other = pair(trained, toy_folder, toy.NLI, room=(0, 2))
    assert alike(leader, trained(ALONE, toy_folder, toy.NLI))
    assert max(leader.sizes[1:]) <= max(other.sizes[1:]) <= 2 < min(leader.sizes[0], other.sizes[0])


def test_unit_that_fits_in_no_worker_ends_the_phase_and_not_the_team(pair: Pair, toy_folder: Path) -> None:
    leader, other = pair(fails_then_trains, toy_folder)
    assert leader[0].startswith("memory does not suffice for a micro-batch") and "tried 4, 2, 1 examples" in leader[0]
    assert alike(leader[1], trained(ALONE, toy_folder, toy.NLI)) and alike(other, leader[1], within=0.0)


def fails_then_trains(team: Team, folder: Path) -> Any:
    try:
        trained(team, folder, toy.NLI, room=(0, -1))
        said = ""
    except OutOfMemoryFault as fault:
        said = str(fault)
    found = trained(team, folder, toy.NLI)
    return (said, found) if team.leads else found


def test_notice_in_an_assistant_has_the_leader_write_a_checkpoint_once(pair: Pair, toy_folder: Path, tmp_path: Path) -> None:
    (leader, _), (_, asked) = pair(noticed, toy_folder, tmp_path / "kept.safetensors")
    assert peek_step(tmp_path / "kept.safetensors") == 3
    assert asked > 4, "it is asked again after the checkpoint was written"
    assert alike(leader, trained(ALONE, toy_folder, toy.TAGS, phase=settings(toy.TAGS, epochs=3)))


def noticed(team: Team, folder: Path, path: Path) -> Any:
    """Every second meeting is after a step; the third time that the assistant is asked, there is a notice."""
    asked = 0

    def urgent() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 3

    team = Team(team.rank, team.size, team._control, urgent)
    notice = Notice(lambda: team.noticed)
    more: dict[str, Any] = {"checkpoint": path, "notice": notice} if team.leads else {}
    return trained(team, folder, toy.TAGS, phase=settings(toy.TAGS, epochs=3), **more), asked


def test_workers_with_other_data_than_their_leader_s_are_refused(pair: Pair, toy_folder: Path) -> None:
    leader, other = pair(trained, toy_folder, toy.TAGS, units=(UNITS, UNITS + 1))
    assert other == "TeamLostError: a worker's training data is not that of its leader"
    assert leader.startswith("TeamLostError: a worker of the team was lost")


def test_worker_that_breaks_off_in_a_step_is_noticed_by_its_leader(pair: Pair, toy_folder: Path) -> None:
    leader, other = pair(broken_off, toy_folder)
    assert other == "ValueError: a bug" and leader.startswith("TeamLostError: a worker of the team was lost")


def broken_off(team: Team, folder: Path) -> Found:
    def bug(*args: Any) -> None:
        raise ValueError("a bug")

    with pytest.MonkeyPatch.context() as patch:
        if not team.leads:
            patch.setattr(training.learning.steps.Steps, "_gradients", bug)
        return trained(team, folder, toy.TAGS)


def test_worker_that_can_t_begin_has_its_leader_say_why(pair: Pair, toy_folder: Path) -> None:
    leader, other = pair(never_begun, toy_folder)
    assert leader == "StartFailedError: no such file" and other == "ready for more"


def never_begun(team: Team, folder: Path) -> Any:
    if team.leads:
        return trained(team, folder, toy.TAGS)
    assert team.told() == "a phase"

    def fault() -> Material:
        raise UserError("no such file", "", "")

    take_part(team, fault)
    return "ready for more"


def test_weights_that_have_come_apart_are_noticed_in_every_worker(pair: Pair) -> None:
    assert pair(apart, 0.0) == (None, None)
    said = "TeamLostError: the weights of its workers have come apart"
    assert pair(apart, 0.1) == (said, said)


def apart(team: Team, by: float) -> None:
    team.check([torch.full((4,), 1.0 + by * team.rank), torch.full((2, 2), -1.0)])


def test_chain_with_two_workers_has_the_scores_and_phases_of_one(
    pair: Pair, bench: Bench, toy_folder: Path, root: Path, tmp_path: Path
) -> None:
    phases = tuple(replace(phase, adam_eps=1e-3) for phase in (INTERMEDIATE, toy.phase(toy.TAGS, epochs=2)))
    chain = bench.chain(*phases, selection=(DEV["tags"],), evaluations=[TAGS_TEST])
    alone = bench.run(chain)
    (leader, store), other = pair(walked, Bench(toy_folder, root, tmp_path / "other"), chain)
    assert other == "sent home" and leader.results == alone.results and leader.selection == alone.selection
    assert [trace.tokens for trace in leader.phases] == [trace.tokens for trace in alone.phases]
    assert [PhaseStore(store).find(key) is not None for key in chain.phase_keys] == [True, True]


def walked(team: Team, bench: Bench, chain: Any) -> Any:
    bench.runtime = Runtime(workers=2)
    if not team.leads:
        assist(team, nullcontext)
        return "sent home"
    found = run_chain(bench.job(chain), team=team)
    team.send_home()
    return found, bench.store


def test_chain_for_more_workers_than_there_are_is_refused(bench: Bench) -> None:
    bench.runtime = Runtime(workers=2)
    with pytest.raises(UserError, match="a chain for 2 workers was given to a team of 1"):
        bench.run(bench.chain(INTERMEDIATE))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=80), st.integers(1, 9))
def test_shares_are_every_unit_once_in_order_and_balanced_by_tokens(tokens: list[int], size: int) -> None:
    shares = shares_of(tokens, size)
    assert len(shares) == size
    assert [unit for share in shares for unit in range(len(tokens))[share]] == list(range(len(tokens)))
    assert all(sum(tokens[share]) <= sum(tokens) / size + max(tokens) for share in shares)
