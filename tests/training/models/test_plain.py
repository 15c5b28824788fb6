"""A phase's model as transformers' own class: it computes what ours does, or it is the encoder alone and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

from tests.training import toy
from training.errors import ModelError
from training.models.carry import ChainModel, from_pretrained
from training.models.heads import head_name
from training.models.plain import HEAD, write_plain
from training.tasks.row import Kind, TaskRow

ROWS = (toy.NLI, toy.CHOICE, toy.TAGS, toy.QA)
SIZES = {"vocab_size": len(dict.fromkeys([*toy.SPECIAL, *toy.LETTERS, *("##" + one for one in toy.LETTERS), *toy.WORDS]))}


def xlmr(folder: Path) -> Path:
    return toy.save_model(folder)


def bert(folder: Path) -> Path:
    folder.mkdir()
    toy.save_tokenizer(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(**SIZES, **sizes), add_pooling_layer=False).save_pretrained(str(folder))
    return folder


def distilbert(folder: Path) -> Path:
    folder.mkdir()
    toy.save_tokenizer(folder)
    torch.manual_seed(0)
    DistilBertModel(DistilBertConfig(**SIZES, dim=32, n_layers=2, n_heads=2, hidden_dim=64)).save_pretrained(str(folder))
    return folder


def phase(folder: Path, out: Path, *rows: TaskRow) -> tuple[Path, ChainModel]:
    """What a phase of `rows` leaves: configuration, tokenizer, and all its tensors."""
    model, _ = from_pretrained(folder, rows, random=False, model_seed=0, seed=1)
    out.mkdir()
    for path in folder.iterdir():
        if path.name != "model.safetensors":
            (out / path.name).write_bytes(path.read_bytes())
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, str(out / "model.safetensors"))
    return out, model.eval()


def logits(found: Any) -> torch.Tensor:
    if "start_logits" in found:
        return torch.stack([found.start_logits, found.end_logits], -1)
    given: torch.Tensor = found.logits
    return given


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.kind))
@pytest.mark.parametrize("kind", [xlmr, bert])
def test_plain_model_computes_the_same_logits(kind: Any, row: TaskRow, tmp_path: Path) -> None:
    stored, model = phase(kind(tmp_path / "model"), tmp_path / "phase", row, toy.NLI)
    out = tmp_path / "out"
    out.mkdir()
    written = write_plain(stored, row, out)
    assert written.why_encoder == ""
    loaded = getattr(transformers, written.loads_with).from_pretrained(str(out)).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(out))
    batch = tokenizer(["a good day", "no", "the night is long here"], padding=True, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    with torch.inference_mode():
        states = model.backbone(input_ids=ids, attention_mask=mask).last_hidden_state
        ours = model.heads[head_name(row)](states if row.kind in (Kind.TAGGING, Kind.SPAN) else states[:, 0])
        shaped = (ids[None], mask[None]) if row.kind is Kind.CHOICE else (ids, mask)
        theirs = logits(loaded(input_ids=shaped[0], attention_mask=shaped[1]))
    torch.testing.assert_close(theirs, ours.reshape(theirs.shape), rtol=1e-4, atol=1e-5)
    if row.kind in (Kind.CLASSIFICATION, Kind.TAGGING):
        assert [loaded.config.id2label[number] for number in range(len(row.labels))] == list(row.labels)


def test_retrieval_gets_the_encoder_of_whatever_came_before(tmp_path: Path) -> None:
    stored, model = phase(xlmr(tmp_path / "model"), tmp_path / "phase", toy.NLI)
    out = tmp_path / "out"
    out.mkdir()
    assert write_plain(stored, toy.TATOEBA, out).loads_with == "AutoModel"
    loaded = transformers.AutoModel.from_pretrained(str(out), add_pooling_layer=False)
    assert all(torch.equal(tensor, model.backbone.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    assert not (out / HEAD).exists()


def test_head_that_transformers_computes_otherwise_is_kept_beside_the_encoder(tmp_path: Path) -> None:
    """DistilBERT's classifier has a ReLU where ours has tanh: its tensors have the same shapes."""
    stored, model = phase(distilbert(tmp_path / "model"), tmp_path / "phase", toy.NLI)
    out = tmp_path / "out"
    out.mkdir()
    written = write_plain(stored, toy.NLI, out)
    assert written.loads_with == "AutoModel"
    assert "computes other logits" in written.why_encoder
    kept = load_file(str(out / HEAD))
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.heads[head_name(toy.NLI)].state_dict().items())


def test_kind_that_transformers_lacks_is_said(tmp_path: Path) -> None:
    stored, _ = phase(xlmr(tmp_path / "model"), tmp_path / "phase", toy.NLI)
    out = tmp_path / "out"
    out.mkdir()
    assert write_plain(stored, toy.TAGS, out).why_encoder == f"the phase has no head {head_name(toy.TAGS)}"


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    stored, _ = phase(xlmr(tmp_path / "model"), tmp_path / "phase", toy.NLI)
    tensors = load_file(str(stored / "model.safetensors"))
    kept = {name: tensor for name, tensor in tensors.items() if "word_embeddings" not in name}
    save_file(kept, str(stored / "model.safetensors"))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ModelError, match="do not fit") as told:
        write_plain(stored, toy.NLI, out)
    assert "word_embeddings" in told.value.value
    (stored / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="can't be read"):
        write_plain(stored, toy.NLI, out)
