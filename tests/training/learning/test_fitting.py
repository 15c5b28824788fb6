"""Memory that does not suffice: the same result in smaller pieces, remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import training.learning.steps
from tests.training import toy
from tests.training.bench import DEV, TAGS_TEST, Bench
from tests.training.learning.test_rungs import weights
from training.errors import OutOfMemoryFault
from training.identity import Runtime
from training.learning.fitting import Fit, Notes, is_out_of_memory
from training.learning.losses import MicroBatch
from training.learning.optimiser import allocate_moments, build_optimiser
from training.models.carry import ChainModel
from training.phase import train_phase
from training.tasks.row import Kind, TaskRow

CPU_FAULT = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12")
GPU_FAULT = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore of it.")
FAULTS = {"cpu": CPU_FAULT, "gpu": GPU_FAULT, "python": MemoryError()}


class Memory:
    """Stands in front of the loss: micro-batches of more than `room` units do not fit, in the middle of a step."""

    def __init__(self, room: int, fault: BaseException = GPU_FAULT, after: bool = False) -> None:
        self.room, self.fault, self.after = room, fault, after
        self.sizes: list[int] = []
        self._loss = training.learning.steps.loss_of

    def __call__(self, model: ChainModel, row: TaskRow, batch: MicroBatch, *rest: Any) -> torch.Tensor:
        size = max(part.rows for part in batch.packs) // (2 if row.kind is Kind.CHOICE else 1)
        self.sizes.append(size)
        if size > self.room and not self.after:
            raise self.fault
        loss = self._loss(model, row, batch, *rest)
        if size > self.room:
            torch.autograd.backward(loss)
            raise self.fault
        return loss


Run = Callable[..., list[torch.Tensor]]


@pytest.fixture
def run(toy_folder: Path, tokenizer: Any) -> Run:
    def trained(*rows: TaskRow, notes: Notes | None = None, micro_batch: int = 0, **changes: Any) -> list[torch.Tensor]:
        model, vocabulary = toy.fresh(toy_folder, tokenizer, *rows)
        data = [toy.encoded(tokenizer, row, 24) for row in rows]
        phase = toy.phase(*rows, **({"lr": 1e-3} | changes))
        train_phase(model, phase, data, vocabulary, Runtime(micro_batch=micro_batch), notes=notes)
        return [value.double() for value in model.state_dict().values()]

    return trained


def alike(one: list[torch.Tensor], other: list[torch.Tensor], within: float = 1e-6) -> bool:
    return max(float((left - right).abs().max()) for left, right in zip(one, other, strict=True)) <= within


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("after", [False, True], ids=["before the gradient", "after it"])
def test_step_that_does_not_fit_is_done_again_in_halves_to_the_same_weights(
    run: Run, monkeypatch: pytest.MonkeyPatch, fault: str, after: bool
) -> None:
    """Adam divides by the gradient's size, which enlarges the noise of tiny gradients: a large epsilon keeps that small."""
    expected = run(toy.NLI, adam_eps=1e-3)
    memory = Memory(2, FAULTS[fault], after)
    monkeypatch.setattr(training.learning.steps, "loss_of", memory)
    assert alike(run(toy.NLI, adam_eps=1e-3), expected)
    assert memory.sizes == [8, 4, *[2] * 12]


@pytest.mark.parametrize("rows", [(toy.CHOICE,), (toy.TAGS,), (toy.QA,), (toy.MLM,), (toy.NLI, toy.MLM)])
def test_every_kind_of_task_gives_the_same_weights_in_halves(
    run: Run, monkeypatch: pytest.MonkeyPatch, rows: tuple[TaskRow, ...]
) -> None:
    expected = run(*rows, adam_eps=1e-3)
    monkeypatch.setattr(training.learning.steps, "loss_of", Memory(3))
    assert alike(run(*rows, adam_eps=1e-3), expected)


def test_fault_in_the_middle_of_a_later_step_leaves_earlier_steps_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(toy.NLI, adam_eps=1e-3, micro_batch=4)
    memory, calls = Memory(8), 0

    def fourth_fails(*args: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise CPU_FAULT
        return memory(*args)

    monkeypatch.setattr(training.learning.steps, "loss_of", fourth_fails)
    assert alike(run(toy.NLI, adam_eps=1e-3, micro_batch=4), expected)
    assert memory.sizes == [4, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2]


def test_example_that_does_not_fit_alone_is_a_fault_with_what_was_tried(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.learning.steps, "loss_of", Memory(0))
    with pytest.raises(OutOfMemoryFault, match=r"micro-batch of classification with 32 tokens \(tried 8, 4, 2, 1 ex") as caught:
        run(toy.NLI)
    assert caught.value.value == "CUDA out of memory. Tried to allocate 2.00 GiB."
    assert "max_length" in caught.value.remedy and "more memory" in caught.value.remedy


def test_error_that_says_nothing_of_memory_stays_what_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.learning.steps, "loss_of", Memory(4, RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes"):
        run(toy.NLI)


def test_allocation_that_torch_refuses_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(ValueError("you tried to allocate"))


def test_size_that_fits_is_remembered_for_the_model_the_device_and_the_length(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(2)
    monkeypatch.setattr(training.learning.steps, "loss_of", memory)
    run(toy.NLI, notes=Notes(tmp_path, "m", "cpu"))
    assert memory.sizes[:3] == [8, 4, 2]
    for model, device, row, first in (
        ("m", "cpu", toy.NLI, 2),
        ("n", "cpu", toy.NLI, 8),
        ("m", "gpu", toy.NLI, 8),
        ("m", "cpu", toy.TAGS, 8),
    ):
        memory.sizes.clear()
        run(row, notes=Notes(tmp_path, model, device))
        assert memory.sizes[0] == first
    memory.sizes.clear()
    run(toy.NLI, notes=Notes(tmp_path, "m", "cpu"), micro_batch=1)
    assert set(memory.sizes) == {1}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"fits":0}', b'{"fits":"2"}', b"\xff"])
def test_note_that_is_damaged_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    Notes(tmp_path, "m", "cpu").remember("s", 4)
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_bytes()) == {"model": "m", "device": "cpu", "subject": "s", "fits": 4}
    assert Notes(tmp_path, "m", "cpu").recall("s") == 4
    path.write_bytes(content)
    assert Notes(tmp_path, "m", "cpu").recall("s") is None


def test_note_that_can_t_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    notes = Notes(tmp_path / "file", "m", "cpu")
    Fit(8, "s", "examples", notes, "").halve(8, "")
    assert notes.recall("s") == 4 and Notes(tmp_path / "file", "m", "cpu").recall("s") is None


def test_fit_odd_sizes_are_halved_upwards_and_never_grow() -> None:
    fit = Fit(7, "s", "examples", None, "")
    seen = [fit.size]
    while fit.size > 1:
        fit.halve(fit.size, "")
        seen.append(fit.size)
    assert seen == [7, 4, 2, 1]


def test_moments_made_beforehand_are_those_that_adamw_makes(toy_folder: Path, tokenizer: Any) -> None:
    """A head without a gradient gets none of its own, and is not changed by having some."""
    models = [toy.fresh(toy_folder, tokenizer, toy.NLI, toy.TAGS)[0] for _ in range(2)]
    optimisers = [build_optimiser(model, toy.phase(toy.NLI)) for model in models]
    allocate_moments(optimisers[1])
    for _ in range(3):
        for model, optimiser in zip(models, optimisers, strict=True):
            torch.manual_seed(0)
            for name, parameter in model.named_parameters():
                parameter.grad = torch.randn_like(parameter) if "heads.tags" not in name else None
            optimiser.step()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)
        for name, value in optimisers[0].state[one].items():
            made = optimisers[1].state[other][name]
            assert torch.equal(value, made) and value.dtype == made.dtype


def tagging(bench: Bench, *more: Any, **changes: Any) -> Any:
    return bench.chain(toy.phase(toy.TAGS, epochs=3, **changes), *more, selection=(DEV["tags"],), evaluations=[TAGS_TEST])


def test_chain_whose_update_ran_out_of_memory_begins_again_from_its_checkpoint(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = tagging(bench)
    bench.run(chain)
    expected = weights(bench, chain)
    bench.store, bench.runtime = tmp_path / "other", Runtime(checkpoint_seconds=0.0)
    update, steps = torch.optim.AdamW.step, 0

    def spoiled(self: torch.optim.AdamW) -> None:
        nonlocal steps
        steps += 1
        update(self)
        if steps == 4:
            raise GPU_FAULT

    monkeypatch.setattr(torch.optim.AdamW, "step", spoiled)
    bench.run(chain)
    found = weights(bench, chain)
    assert steps == 7 and all(torch.equal(found[name], expected[name]) for name in expected)


def test_chain_whose_update_never_fits_is_a_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: torch.optim.AdamW) -> None:
        raise GPU_FAULT

    monkeypatch.setattr(torch.optim.AdamW, "step", never)
    with pytest.raises(OutOfMemoryFault, match="update, twice"):
        bench.run(tagging(bench))


@pytest.mark.parametrize("place", ["training.phase.allocate_moments", "training.walk.from_pretrained"])
def test_chain_model_that_does_not_fit_is_a_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def none(*args: Any, **options: Any) -> None:
        raise CPU_FAULT

    monkeypatch.setattr(place, none)
    with pytest.raises(OutOfMemoryFault, match="the model and its training") as caught:
        bench.run(tagging(bench))
    assert "you tried to allocate" in caught.value.value


def test_chain_evaluation_that_does_not_fit_goes_on_in_smaller_batches(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = tagging(bench)
    expected = bench.run(chain, notes=tmp_path / "notes")
    assert not any(b'"fits"' in path.read_bytes() for path in (tmp_path / "notes").iterdir())
    seen: list[int] = []
    encode = ChainModel.encode

    def tight(self: ChainModel, packed: Any) -> torch.Tensor:
        seen.append(len(packed.ids))
        if seen[-1] > 60:
            raise GPU_FAULT
        return encode(self, packed)

    monkeypatch.setattr(ChainModel, "encode", tight)
    found = bench.run(chain, notes=tmp_path / "notes")
    assert (found.selection, found.results) == (expected.selection, expected.results)
    failed = sum(size > 60 for size in seen)
    assert 0 < failed < len(seen)
    seen.clear()
    bench.run(chain, notes=tmp_path / "notes")
    assert max(seen) <= 60
    monkeypatch.setattr(ChainModel, "encode", lambda self, packed: (_ for _ in ()).throw(GPU_FAULT))
    with pytest.raises(OutOfMemoryFault, match=f"evaluation batch of {Kind.TAGGING.value}"):
        bench.run(chain, notes=tmp_path / "notes")


def test_chain_retrieval_that_does_not_fit_goes_on_in_smaller_batches(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.training.bench import measured

    chain = bench.chain(evaluations=[measured(toy.TATOEBA, "test", "de")])
    expected = bench.run(chain)
    encode = ChainModel.encode

    def tight(self: ChainModel, packed: Any, layer: int | None = None) -> torch.Tensor:
        if len(packed.ids) > 30:
            raise CPU_FAULT
        return encode(self, packed, layer)

    monkeypatch.setattr(ChainModel, "encode", tight)
    assert bench.run(chain).results == expected.results
