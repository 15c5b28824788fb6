"""Every family of models, at every kind of task: what it learns, what its tokens see, and what is loaded of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForSeq2SeqLM, GPT2LMHeadModel

from tests.training import families, toy
from tests.training.bench import DEV, TAGS_TEST, Bench, measured, outcomes
from training.data.batches import unit_features
from training.data.corpus import CACHE
from training.data.features import Encoded, Feature
from training.data.packs import Pack, Vocabulary, pack
from training.errors import ModelError
from training.identity import Role, Runtime
from training.learning.losses import loss_of, micro_batches
from training.models.attention import PACKED, set_attention_dropout
from training.models.backbone import build_backbone, check_fit, load_backbone, load_tokenizer, read_config
from training.models.carry import ChainModel, from_phase, from_pretrained
from training.models.encoding import CAUSAL_PACKABLE, encode, takes_causal_packs, takes_packs
from training.models.family import Family, position_limit
from training.models.pooling import pooled
from training.phase import train_phase, vocabulary_of
from training.tasks.row import Encoding, TaskRow

CPU = torch.device("cpu")
Folders = Callable[[str], Path]
QUICK = ("roberta", "llama", "mbart")
"""One of each family, for what takes seconds; the others are slow tests."""
SEEING_ALL = [*families.ENCODERS, *families.BOTH]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of each kind of model, made once."""
    root = tmp_path_factory.mktemp("families")
    return lambda kind: root / kind if (root / kind).is_dir() else families.save(root / kind, kind)


def fresh(folder: Path, *rows: TaskRow) -> tuple[ChainModel, Vocabulary, list[Encoded]]:
    """A model of a folder with the heads of some tasks, and their data."""
    tokenizer = load_tokenizer(folder)
    model, _ = from_pretrained(folder, rows, random=False, model_seed=0, seed=1)
    return model, vocabulary_of(model, tokenizer), [toy.encoded(tokenizer, row, 64) for row in rows]


def losses(model: ChainModel, vocabulary: Vocabulary, data: list[Encoded]) -> list[float]:
    """The mean loss of each task on examples of its own."""
    found = []
    model.eval()
    for encoded in data:
        features = unit_features(encoded, np.arange(32))
        (batch,) = micro_batches(encoded.row, features, encoded.group, 0, vocabulary, np.random.default_rng(0))
        with torch.no_grad():
            found.append(float(loss_of(model, encoded.row, batch)))
    return found


def packed_rows(vocabulary: Vocabulary, lengths: list[int]) -> tuple[list[Feature], Pack]:
    dice = np.random.default_rng(0)
    rows = [
        Feature(ids=dice.integers(5, vocabulary.size, size).astype(np.int32), types=np.zeros(size, np.int32), example=number)
        for number, size in enumerate(lengths)
    ]
    return rows, pack(rows, vocabulary, CPU)


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in families.ALL]
)
def test_family_learns_every_kind_of_task_at_once(folders: Folders, kind: str) -> None:
    model, vocabulary, data = fresh(folders(kind), *toy.TRAINED)
    before = losses(model, vocabulary, data)
    trained = train_phase(model, toy.phase(*toy.TRAINED, epochs=6, lr=4e-3), data, vocabulary, Runtime())
    after = losses(model, vocabulary, data)
    assert trained.steps == 240
    assert all(late < early / 2 for early, late in zip(before[:4], after[:4], strict=True)), (before, after)
    assert after[4] < before[4] - 1, (before, after)


@pytest.mark.parametrize("kind", families.ALL)
@pytest.mark.parametrize("layer", [None, 0, 1])
def test_states_of_a_batch_are_those_of_each_row_by_itself(folders: Folders, kind: str, layer: int | None) -> None:
    model, vocabulary, _ = fresh(folders(kind))
    model.eval()
    rows, together = packed_rows(vocabulary, [3, 9, 1, 9, 6])
    with torch.no_grad():
        found = model.encode(together, layer)
        for row, start in zip(rows, together.starts, strict=True):
            alone = model.encode(pack([row], vocabulary, CPU), layer)
            torch.testing.assert_close(found[start : start + len(row)], alone, rtol=1e-4, atol=2e-5)


def changed_states(folder: Path, place: int) -> torch.Tensor:
    """[tokens]: whether a token's state changes with the token at a place."""
    model, vocabulary, _ = fresh(folder)
    model.eval()
    (row,), _ = packed_rows(vocabulary, [9])
    ids = row.ids.copy()
    ids[place] = 5 if ids[place] != 5 else 6
    with torch.no_grad():
        one, other = (
            model.encode(pack([Feature(ids=each, types=row.types, example=0)], vocabulary, CPU)) for each in (row.ids, ids)
        )
    return (one - other).abs().max(-1).values > 1e-6


@pytest.mark.parametrize("kind", families.DECODERS)
def test_decoder_states_follow_from_what_is_before_them(folders: Folders, kind: str) -> None:
    assert changed_states(folders(kind), 5).tolist() == [False] * 5 + [True] * 4


@pytest.mark.parametrize("kind", SEEING_ALL)
def test_encoder_states_follow_from_the_whole_row(folders: Folders, kind: str) -> None:
    assert changed_states(folders(kind), 5).all()


@pytest.mark.parametrize("kind", families.ALL)
def test_state_of_a_row_is_where_its_family_has_seen_it(folders: Folders, kind: str) -> None:
    model, vocabulary, _ = fresh(folders(kind))
    rows, together = packed_rows(vocabulary, [4, 2])
    hidden = torch.arange(6.0)[:, None].expand(6, 3)  # rows lie sorted by length: the second, then the first
    expected = {Family.ENCODER: [2.0, 0.0], Family.DECODER: [5.0, 1.0], Family.ENCODER_DECODER: [3.5, 0.5]}[model.family]
    assert model.of_rows(hidden, together)[:, 0].tolist() == expected
    one_token = [2.0, 0.0] if model.family is Family.ENCODER else [5.0, 1.0]
    assert pooled(hidden, together, "cls", model.family)[:, 0].tolist() == one_token
    assert pooled(hidden, together, "mean", model.family)[:, 0].tolist() == [3.5, 0.5]
    assert [len(row) for row in rows] == together.lengths.tolist()


@pytest.mark.parametrize("kind", [*families.DECODERS, *families.BOTH])
def test_packs_are_taken_by_the_decoders_that_are_named(folders: Folders, kind: str) -> None:
    config = build_backbone(folders(kind), 0).config
    assert not takes_packs(config) and takes_causal_packs(config) == (kind in CAUSAL_PACKABLE)


def test_packs_are_not_given_to_a_decoder_that_sees_a_window_alone(folders: Folders) -> None:
    config = build_backbone(folders("qwen2"), 0).config
    config.sliding_window = 4
    assert not takes_causal_packs(config)


@pytest.mark.parametrize("kind", CAUSAL_PACKABLE)
@pytest.mark.parametrize("layer", [None, 0, 1, 2])
def test_packed_decoder_gives_what_a_padded_batch_gives(folders: Folders, kind: str, layer: int | None) -> None:
    model, vocabulary, _ = fresh(folders(kind))
    model.eval()
    _, together = packed_rows(vocabulary, [3, 9, 1, 9, 6])
    found = {packed: encode(model.backbone, together, layer, packed=packed) for packed in (True, False)}
    torch.testing.assert_close(found[True], found[False], rtol=1e-4, atol=2e-5)
    assert model.backbone.config._attn_implementation != PACKED


@pytest.mark.parametrize("kind", CAUSAL_PACKABLE)
def test_packed_decoder_learns_what_a_padded_one_learns(folders: Folders, kind: str) -> None:
    found = []
    for packed in (True, False):
        model, vocabulary, data = fresh(folders(kind), toy.TAGS)
        train_phase(model, toy.phase(toy.TAGS), data, vocabulary, Runtime(packed=packed))
        found.append(model.state_dict())
    one, other = found
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=1e-2, atol=2e-4)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "mt5"])
def test_chain_of_a_family_is_stored_read_again_and_scored(folders: Folders, root: Path, tmp_path: Path, kind: str) -> None:
    CACHE._kept.clear()
    bench = Bench(folders(kind), root, tmp_path / "store")
    first, last = toy.phase(toy.NLI, role=Role.INTERMEDIATE, epochs=2), toy.phase(toy.TAGS, epochs=4)
    chain = bench.chain(first, last, selection=(DEV["tags"],), evaluations=(TAGS_TEST, measured(toy.TATOEBA, "test", "de")))
    trained = bench.run(chain)
    assert outcomes(trained) == ["trained", "trained"]
    carry = trained.phases[1].carry
    backbone = len(build_backbone(folders(kind), 0).state_dict())
    assert carry.carried == backbone
    assert carry.dropped == tuple(f"heads.nli2.{name}" for name in ("dense.bias", "dense.weight", "out.bias", "out.weight"))
    tags, found = trained.results
    assert tags.languages["en"]["score"] > 60
    assert found.layer == 1 and found.languages["de"]["score"] == 100
    again = bench.run(chain)
    assert outcomes(again) == ["reused", "reused"]
    assert again.results == trained.results


def test_chain_by_one_token_finds_the_same_line(folders: Folders, root: Path, tmp_path: Path) -> None:
    CACHE._kept.clear()
    bench = Bench(folders("llama"), root, tmp_path / "store")
    target = replace(measured(toy.TATOEBA, "test", "de"), layer=2, pooling="cls")
    (found,) = bench.run(bench.chain(evaluations=(target,))).results
    assert (found.layer, found.pooling) == (2, "cls") and found.languages["de"]["score"] == 100


@pytest.mark.parametrize("kind", ["llama", "xglm", "bloom", "mt5", "mbart"])
def test_compact_word_table_gives_what_the_whole_one_gives(folders: Folders, kind: str) -> None:
    found = []
    for compact in (True, False):
        model, vocabulary, data = fresh(folders(kind), toy.NLI)
        phase = toy.phase(toy.NLI, weight_decay=0.0)
        trained = train_phase(model, phase, data, vocabulary, Runtime(compact=compact))
        found.append((model.state_dict(), trained.word_rows))
    (one, few), (other, all_rows) = found
    assert few < all_rows == vocabulary.size
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "xglm", "bloom", "t5", "mbart", "deberta-v2"])
def test_attention_dropout_is_the_phases_own(folders: Folders, kind: str) -> None:
    model, vocabulary, _ = fresh(folders(kind))
    _, together = packed_rows(vocabulary, [8, 5])
    model.train()
    set_attention_dropout(model.backbone, 0.0)
    assert torch.equal(model.encode(together), model.encode(together))
    set_attention_dropout(model.backbone, 0.5)
    assert not torch.equal(model.encode(together), model.encode(together))


@pytest.mark.parametrize("kind", families.ALL)
def test_words_are_all_but_equally_likely_before_anything_is_learned(folders: Folders, kind: str) -> None:
    """Where word embeddings are as large as T5's, a first loss of many times that would take long to unlearn."""
    model, vocabulary, data = fresh(folders(kind), toy.MLM)
    assert losses(model, vocabulary, data)[0] < math.log(vocabulary.size) + 1


def test_next_token_loss_is_that_of_the_published_class(folders: Folders, tmp_path: Path) -> None:
    folder = families.save(tmp_path / "gpt2", "gpt2", whole=_Lm(GPT2LMHeadModel))
    model, vocabulary, (data,) = fresh(folder, toy.MLM)
    theirs = GPT2LMHeadModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    feature = data.features[0]
    (batch,) = micro_batches(toy.MLM, [feature], 1, 0, vocabulary, np.random.default_rng(0))
    ids = torch.from_numpy(feature.ids.astype(np.int64))[None]
    with torch.no_grad():
        torch.testing.assert_close(loss_of(model.eval(), toy.MLM, batch), theirs(input_ids=ids, labels=ids).loss)
    assert batch.labels.tolist() == feature.ids[1:].tolist()


class _Lm:
    """A class of transformers as `families.save` calls it."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def from_config(self, config: Any, dtype: torch.dtype) -> Any:
        return self.kind(config).to(dtype)


@pytest.mark.parametrize("kind", families.ALL)
def test_backbone_is_in_float32_whatever_it_was_published_in(folders: Folders, kind: str) -> None:
    for model in (
        build_backbone(folders(kind), 0),
        build_backbone(folders(kind), 0, drawn=False),
        load_backbone(folders(kind)).model,
    ):
        assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}
        assert not getattr(model.config, "use_cache", False)


@pytest.mark.parametrize("whole", [AutoModel, AutoModelForSeq2SeqLM])
@pytest.mark.parametrize("kind", families.BOTH)
def test_encoder_decoder_gives_its_encoder_and_names_what_is_left(tmp_path: Path, kind: str, whole: Any) -> None:
    folder = families.save(tmp_path / kind, kind, whole=whole)
    loaded = load_backbone(folder)
    complete = AutoModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    ids = torch.randint(5, 60, (2, 7), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = complete.get_encoder()(input_ids=ids).last_hidden_state
        torch.testing.assert_close(loaded.model.eval()(input_ids=ids).last_hidden_state, expected)
    assert loaded.missing == ()
    assert loaded.unused and all("decoder" in name or "lm_head" in name or "logits" in name for name in loaded.unused)
    assert not any("decoder" in name for name in loaded.model.state_dict())


def test_encoder_decoder_without_its_word_embeddings_is_refused(tmp_path: Path) -> None:
    folder = families.save(tmp_path / "t5", "t5")
    tensors = load_file(str(folder / "model.safetensors"))
    named = {
        name: tensor.contiguous() for name, tensor in tensors.items() if "shared" not in name and "embed_tokens" not in name
    }
    save_file(named, str(folder / "model.safetensors"), metadata={"format": "pt"})
    with pytest.raises(ModelError, match="word embeddings are not in the published weights"):
        load_backbone(folder)


def test_weights_of_a_phase_are_carried_whole_into_a_decoder(folders: Folders, tmp_path: Path) -> None:
    """The configuration says bfloat16: a model that is built in it would lose digits of the phase before."""
    model, vocabulary, data = fresh(folders("llama"), toy.NLI)
    train_phase(model, toy.phase(toy.NLI), data, vocabulary, Runtime())
    save_file(model.state_dict(), str(tmp_path / "model.safetensors"))
    again, carry = from_phase(folders("llama"), tmp_path / "model.safetensors", [toy.NLI], seed=1)
    assert carry.initialised == () and carry.dropped == ()
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())


def test_fit_positions_are_counted_as_each_family_counts_them(folders: Folders) -> None:
    limits = {"gpt2": 64, "xglm": 64, "llama": 64, "mbart": 64, "t5": 0, "mt5": 0, "bloom": 0, "xlm-roberta": 64}
    assert {kind: position_limit(read_config(folders(kind))) for kind in limits} == limits
    shape = {"max_position_embeddings": 514, "pad_token_id": 1}
    for kind in ("camembert", "mpnet", "xmod", "xlm-roberta-xl"):
        assert position_limit({"model_type": kind, **shape}) == 512
    long = [replace(toy.NLI, encoding=Encoding(max_length=65))]
    check_fit(folders("t5"), load_tokenizer(folders("t5")), long)
    with pytest.raises(ModelError, match="'65 tokens against 64'"):
        check_fit(folders("gpt2"), load_tokenizer(folders("gpt2")), long)
