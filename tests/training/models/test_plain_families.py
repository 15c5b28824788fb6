"""A phase of any family as a folder for transformers alone: its class, its states, and rows as they were in training."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.training import families, toy
from tests.training.models.test_plain import logits, phase
from training.data.tokens import LONGER, encode_batch
from training.models.backbone import load_backbone, load_tokenizer
from training.models.heads import head_name
from training.models.plain import write_plain
from training.tasks.row import TaskRow

TEXTS = [("the cat sleeps", "a dog"), ("yes", "no")]


def written(kind: str, row: TaskRow, tmp_path: Path) -> tuple[Any, Any, Any, str]:
    """The stored model, the class that loads what was written of it with its weights, its tokenizer's batch, and why."""
    stored, model = phase(families.save(tmp_path / "model", kind), tmp_path / "phase", row)
    out = tmp_path / "out"
    out.mkdir()
    found = write_plain(stored, row, out)
    module, _, name = found.loads_with.rpartition(".")
    loaded, info = getattr(importlib.import_module(module or "transformers"), name).from_pretrained(
        str(out), output_loading_info=True
    )
    assert not info["missing_keys"] and not info["unexpected_keys"]
    if found.why_encoder:  # what was written is a model like any other
        again = load_backbone(out)
        assert not again.missing and not again.unused
        assert all(torch.equal(tensor, again.model.state_dict()[name]) for name, tensor in model.backbone.state_dict().items())
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(out))
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    own = encode_batch(load_tokenizer(stored), TEXTS, LONGER, 32)
    sizes = batch["attention_mask"].sum(1).tolist()
    assert [ids[:size] for ids, size in zip(batch["input_ids"].tolist(), sizes, strict=True)] == [each.ids for each in own]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    return model, loaded.eval(), inputs, found.why_encoder


@pytest.mark.parametrize("row", [toy.TAGS, toy.QA], ids=lambda row: row.name)
@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2", "bloom"])
def test_decoder_whose_heads_transformers_has_is_given_whole(kind: str, row: TaskRow, tmp_path: Path) -> None:
    model, loaded, inputs, why = written(kind, row, tmp_path)
    assert why == ""
    with torch.inference_mode():
        ours = model.heads[head_name(row)](model.backbone(**inputs).last_hidden_state)
        seen = inputs["attention_mask"].bool()
        torch.testing.assert_close(logits(loaded(**inputs))[seen], ours[seen], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "row", "name", "why"),
    [
        ("llama", toy.NLI, "LlamaModel", "has another head; ours is for a row's last token"),
        ("xglm", toy.TAGS, "XGLMModel", "transformers has no AutoModelForTokenClassification of a xglm"),
        ("mt5", toy.NLI, "MT5EncoderModel", "the encoder alone was trained; ours is for the mean of a row's states"),
        ("t5", toy.TAGS, "T5EncoderModel", "the encoder alone was trained"),
        ("mbart", toy.QA, "MBartEncoder", "the encoder alone was trained"),
    ],
)
def test_model_is_given_without_its_head_and_says_why(kind: str, row: TaskRow, name: str, why: str, tmp_path: Path) -> None:
    model, loaded, inputs, found = written(kind, row, tmp_path)
    assert type(loaded).__name__ == name and why in found
    with torch.inference_mode():
        seen = inputs["attention_mask"].bool()
        ours = model.backbone(**inputs).last_hidden_state[seen]
        torch.testing.assert_close(loaded(**inputs).last_hidden_state[seen], ours, rtol=1e-4, atol=1e-5)
    assert (tmp_path / "out" / "head.safetensors").is_file()
