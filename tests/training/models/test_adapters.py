"""A phase with an adapter learns, leaves a whole encoder with the adapted layers changed alone, and can be killed like any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModel, BloomConfig, GPT2Config, ModernBertConfig, T5Config, XGLMConfig, XLMRobertaXLConfig

from tests.training import toy
from tests.training.bench import DEV, INTERMEDIATE, TAGS_TEST, Bench, outcomes
from tests.training.learning.test_checkpoint import Stopped, stop_at
from tests.training.learning.test_rungs import Counter, same, weights
from training.data.packs import pack
from training.errors import ModelError
from training.files.codec import canonical
from training.identity import Adapter, PhaseIdentity, Role, Runtime, TaskUse, phase_key
from training.models.adapters import adapted, adapter_weights, target_layers, trained_width
from training.models.carry import ChainModel
from training.models.graphs import Graphs
from training.phase import graphs_of, train_phase, vocabulary_of
from training.stores.store import PhaseStore
from training.tasks.row import TaskRow

LORA = Adapter(rank=4, alpha=8.0)
WIDE = Adapter(rank=2, dropout=0.2, targets="all_linear")


class Case:
    """A phase with an adapter that can be run again and again from the same start."""

    def __init__(self, folder: Path, tokenizer: Any, *rows: TaskRow, adapter: Adapter = LORA, **changes: Any) -> None:
        self.folder, self.tokenizer, self.rows = folder, tokenizer, rows
        self.data = [toy.encoded(tokenizer, row, 48) for row in rows]
        self.phase = toy.phase(*rows, adapter=adapter, **({"lr": 1e-2, "epochs": 2} | changes))

    def run(self, **options: Any) -> tuple[dict[str, Tensor], Any]:
        model, vocabulary = toy.fresh(self.folder, self.tokenizer, *self.rows)
        runtime = Runtime(checkpoint_seconds=0.0, **options.pop("runtime", {}))
        trained = train_phase(model, self.phase, self.data, vocabulary, runtime, **options)
        return dict(model.state_dict()), trained


@pytest.mark.parametrize("row", [toy.NLI, toy.TAGS, toy.QA, toy.CHOICE], ids=lambda row: row.name)
def test_phase_with_an_adapter_learns_a_task(toy_folder: Path, tokenizer: Any, row: TaskRow) -> None:
    _, trained = Case(toy_folder, tokenizer, row, epochs=8).run()
    assert trained.curve[-1][1] < 0.2 * trained.curve[0][1] and trained.word_rows == 0


@pytest.mark.parametrize("adapter", [LORA, WIDE], ids=["attention", "all_linear"])
def test_phase_changes_the_adapted_matrices_and_the_heads_alone(toy_folder: Path, tokenizer: Any, adapter: Adapter) -> None:
    before = toy.fresh(toy_folder, tokenizer, toy.TAGS)[0]
    named = {f"backbone.{name}.weight" for name in target_layers(before.backbone, adapter)}
    after, _ = Case(toy_folder, tokenizer, toy.TAGS, adapter=adapter, weight_decay=0.3).run()
    start = before.state_dict()
    assert after.keys() == start.keys()
    changed = {name for name in after if not torch.equal(after[name], start[name])}
    assert changed == named | {name for name in start if name.startswith("heads.")}
    assert len(named) == (8 if adapter is LORA else 12)


def given(model: ChainModel, tokenizer: Any, *, packed: bool = True) -> Tensor:
    features = toy.encoded(tokenizer, toy.NLI, 6).features
    model.packed = packed
    with torch.no_grad():
        return model.eval().encode(pack(features, vocabulary_of(model, tokenizer), torch.device("cpu")))


def used(model: ChainModel) -> None:
    """Give every adapter weights as if it were trained."""
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.3)


@pytest.mark.parametrize("adapter", [LORA, WIDE], ids=["attention", "all_linear"])
def test_merged_weights_give_the_states_of_the_adapter(toy_folder: Path, tokenizer: Any, adapter: Adapter) -> None:
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    plain = given(model, tokenizer)
    with adapted(model, toy.phase(toy.NLI, adapter=adapter)):
        torch.testing.assert_close(given(model, tokenizer), plain, rtol=0, atol=0)
        used(model)
        wanted = given(model, tokenizer)
    assert float((wanted - plain).abs().max()) > 0.1
    torch.testing.assert_close(given(model, tokenizer), wanted, rtol=1e-4, atol=1e-5)
    assert all(parameter.requires_grad for parameter in model.parameters()) and not hasattr(model.backbone, "peft_config")


def test_packs_and_padded_batches_give_the_same_with_adapters(toy_folder: Path, tokenizer: Any) -> None:
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    with adapted(model, toy.phase(toy.NLI, adapter=LORA)):
        used(model)
        torch.testing.assert_close(given(model, tokenizer), given(model, tokenizer, packed=False), rtol=1e-4, atol=1e-5)
    case = Case(toy_folder, tokenizer, toy.NLI, adam_eps=1e-3)
    one, other = (case.run(runtime={"packed": packed})[0] for packed in (True, False))
    assert all(torch.allclose(one[name], other[name], rtol=0, atol=1e-5) for name in one)


def test_fault_inside_leaves_the_encoder_as_it_was(toy_folder: Path, tokenizer: Any) -> None:
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(Stopped), adapted(model, toy.phase(toy.NLI, adapter=LORA)):
        used(model)
        raise Stopped
    assert same(dict(model.state_dict()), before) and all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("adapter", [LORA, WIDE], ids=["attention", "all_linear"])
def test_killed_phase_with_an_adapter_ends_with_the_same_bytes(
    dropout_folder: Path, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: Adapter
) -> None:
    case, path = Case(dropout_folder, tokenizer, toy.NLI, adapter=adapter, batch=4), tmp_path / "key.safetensors"
    wanted, _ = case.run()
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_at(patch, 13)
        case.run(checkpoint=path)
    kept = load_file(str(path))
    weights_kept = {name for name in kept if name.startswith("model.")}
    assert weights_kept == {name for name in weights_kept if "lora_" in name or ".heads." in name}
    found, trained = case.run(checkpoint=path)
    assert trained.first_step == 10 and same(found, wanted)


def test_checkpoint_of_an_adapter_is_a_small_part_of_a_whole_one(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    sizes = []
    for adapter in (None, LORA):
        case = Case(toy_folder, tokenizer, toy.TAGS)
        case.phase = replace(case.phase, adapter=adapter)
        case.run(checkpoint=tmp_path / f"{adapter is None}.safetensors", until=0.5, runtime={"compact": False})
        sizes.append((tmp_path / f"{adapter is None}.safetensors").stat().st_size)
    assert sizes[1] < 0.4 * sizes[0]


def test_optimiser_has_moments_of_adapters_and_heads_alone(toy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    case, path = Case(toy_folder, tokenizer, toy.TAGS), tmp_path / "key.safetensors"
    case.run(checkpoint=path, until=0.5)
    moments = {name.removeprefix("adam.exp_avg.") for name in load_file(str(path)) if name.startswith("adam.exp_avg.")}
    model, _ = toy.fresh(toy_folder, tokenizer, toy.TAGS)
    assert len(moments) == trained_width(model, case.phase) == 8 * 2 + 2
    assert all("lora_" in name or name.startswith("heads.") for name in moments)


def tagging(bench: Bench, *before: PhaseIdentity, **changes: Any) -> Any:
    phase = toy.phase(toy.TAGS, **({"batch": 2, "epochs": 2, "adapter": WIDE} | changes))
    return bench.chain(*before, phase, selection=(DEV["tags"],), evaluations=[TAGS_TEST])


@pytest.fixture
def dropped(dropout_folder: Path, root: Path, tmp_path: Path) -> Bench:
    return Bench(dropout_folder, root, tmp_path / "phases")


@pytest.mark.parametrize("schedule", ["linear", "wsd"])
def test_chain_with_adapters_left_at_a_rung_ends_as_one_that_ran_through(dropped: Bench, tmp_path: Path, schedule: str) -> None:
    chain = tagging(dropped, replace(INTERMEDIATE, adapter=LORA), schedule=schedule)
    assert outcomes(dropped.run(chain)) == ["trained", "trained"]
    wanted = weights(dropped, chain)
    dropped.store = tmp_path / "rungs"
    steps = Counter()
    rung = dropped.run(chain, steps, until=0.5)
    assert rung.rung is not None and rung.rung.step < rung.rung.steps
    assert outcomes(dropped.run(chain)) == ["reused", "trained"] and same(weights(dropped, chain), wanted)


def test_phases_with_adapters_share_a_trunk_and_have_the_weights_of_phases_alone(dropped: Bench, tmp_path: Path) -> None:
    chains = [tagging(dropped, epochs=epochs, schedule="wsd", decay=0.3) for epochs in (1, 2)]
    alone = []
    for chain in chains:
        dropped.run(chain)
        alone.append(weights(dropped, chain))
    dropped.store = tmp_path / "shared"
    branches = {chains[0].phases[0].role: (1, 2)}
    for chain, wanted in zip(reversed(chains), reversed(alone), strict=True):
        dropped.run(chain, branches=branches)
        assert same(weights(dropped, chain), wanted)
    assert list(PhaseStore(tmp_path / "shared").root.glob(".trunks/*.safetensors"))


FAMILIES = {
    "xlm-roberta-xl": XLMRobertaXLConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    ),
    "t5": T5Config(vocab_size=60, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2),
    "bloom": BloomConfig(vocab_size=60, hidden_size=16, n_layer=2, n_head=2),
    "gpt2": GPT2Config(vocab_size=60, n_embd=16, n_layer=2, n_head=2, n_positions=32),
    "xglm": XGLMConfig(vocab_size=60, d_model=16, ffn_dim=32, num_layers=2, attention_heads=2),
    "modernbert": ModernBertConfig(
        vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, pad_token_id=1
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("targets", ["attention", "all_linear"])
def test_any_family_takes_adapters_and_merges_them(name: str, targets: str) -> None:
    torch.manual_seed(0)
    model = ChainModel(AutoModel.from_config(FAMILIES[name]), {})
    names = set(model.state_dict())
    adapter = Adapter(rank=2, targets=targets)
    wanted = adapter_weights(model.backbone, adapter)
    ids = {"input_ids": torch.arange(5)[None] + 3}
    ids |= {"decoder_input_ids": ids["input_ids"]} if name == "t5" else {}
    with adapted(model, toy.phase(toy.NLI, adapter=adapter)):
        used(model)
        assert sum(item.numel() for item in model.parameters() if item.requires_grad) == wanted
        inside = model.eval().backbone(**ids).last_hidden_state
    torch.testing.assert_close(model.backbone(**ids).last_hidden_state, inside, rtol=1e-3, atol=1e-4)
    assert set(model.state_dict()) == names


def test_all_linear_layers_are_more_than_those_of_attention(toy_folder: Path, tokenizer: Any) -> None:
    backbone = toy.fresh(toy_folder, tokenizer, toy.NLI)[0].backbone
    attention, every = (target_layers(backbone, Adapter(targets=targets)) for targets in ("attention", "all_linear"))
    assert set(attention) < set(every) and not any("intermediate" in name for name in attention)


def test_encoder_without_layers_of_attention_is_refused_with_what_to_write() -> None:
    model = ChainModel(nn.Sequential(nn.Linear(4, 4)), {})
    with pytest.raises(ModelError, match="no layer to stand on") as fault, adapted(model, toy.phase(toy.NLI, adapter=LORA)):
        raise AssertionError
    assert "all_linear" in str(fault.value)
    with pytest.raises(ModelError, match="no layer to stand on"):
        target_layers(nn.Embedding(3, 3), WIDE)


def test_adapters_of_two_phases_begin_with_other_numbers(toy_folder: Path, tokenizer: Any) -> None:
    def drawn(*rows: TaskRow, **changes: Any) -> Tensor:
        model, _ = toy.fresh(toy_folder, tokenizer, *rows)
        with adapted(model, toy.phase(*rows, adapter=LORA, **changes)):
            return next(item.detach().clone() for name, item in model.named_parameters() if "lora_A" in name)

    first = drawn(toy.NLI)
    assert torch.equal(first, drawn(toy.NLI))
    assert not torch.equal(first, drawn(toy.NLI, seed=2)) and not torch.equal(first, drawn(toy.TAGS))


def test_adapter_is_no_part_of_what_is_written_where_there_is_none() -> None:
    use = TaskUse(task="mnli", version=1, head="nli3", data="d", max_length=128, stride=0)
    old = PhaseIdentity(role=Role.TARGET, tasks=(use,), lr=1e-5, epochs=2, batch=32, seed=1, numerics=2)
    assert phase_key("parent", old) == "8d72596f4bfdf707", "what was stored before there were adapters has to be found"
    phase = toy.phase(toy.NLI)
    assert b"adapter" not in canonical(phase) and phase_key("p", phase) != phase_key("p", replace(phase, adapter=LORA))
    assert phase.name == "nli-lr0.003-ep1-s1" and replace(phase, adapter=LORA).name == "nli-lora4-lr0.003-ep1-s1"


def test_phase_with_an_adapter_is_never_recorded_as_graphs(toy_folder: Path, tokenizer: Any) -> None:
    model, _ = toy.fresh(toy_folder, tokenizer, toy.NLI)
    data = [toy.encoded(tokenizer, toy.NLI, 4)]
    runtime = Runtime(device="cuda", graphs=True)
    seen = {}
    for adapter in (None, LORA):
        with graphs_of(model, toy.phase(toy.NLI, precision="bfloat16", adapter=adapter), data, runtime):
            seen[adapter is None] = isinstance(model.graphs, Graphs)
    assert seen == {True: True, False: False}
