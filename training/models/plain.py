"""A phase's model as transformers' own class for its task, so that it loads without this project.

The heads of `training.models.heads` compute what the classes of BERT, RoBERTa and XLM-R do: dense, tanh, linear on the first
token (BERT and multiple choice call the dense layer a pooler), or linear on every token. Whether they do for a given model is
not assumed: both are run on the same tokens, and where they differ the encoder alone is given, with the reason.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.initialization import no_init_weights
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from training.errors import ModelError
from training.models.backbone import TOKENIZER_FILES
from training.models.heads import build_head, head_name
from training.tasks.row import Kind, TaskRow

CLASSES: Mapping[Kind, Any] = {
    Kind.CLASSIFICATION: AutoModelForSequenceClassification,
    Kind.CHOICE: AutoModelForMultipleChoice,
    Kind.TAGGING: AutoModelForTokenClassification,
    Kind.SPAN: AutoModelForQuestionAnswering,
}
ENCODER = "AutoModel"
HEAD = "head.safetensors"
"""Beside an encoder that is given alone: the head's tensors by our names (dense.weight, out.weight ...)."""
NEAR = 1e-4
"""Logits of both may differ by so much (float32, a few layers of rounding), relative to the largest."""
_TOKENS, _ROWS = 12, 3


@dataclass(frozen=True, kw_only=True)
class Plain:
    """What was written: the class of transformers that loads it, and why it is the encoder alone where it is."""

    loads_with: str
    why_encoder: str = ""


def write_plain(phase: Path, row: TaskRow, folder: Path) -> Plain:
    """Write the model of a phase's folder (verified by the caller) into an empty folder, with its tokenizer.

    `row` is the task that it was trained for; of a retrieval task the encoder is what there is. Raises ModelError where the
    weights do not fit the configuration, OSError where it can't be written.
    """
    disable_progress_bar()
    set_verbosity_error()
    try:
        tensors = load_file(str(phase / "model.safetensors"))
    except SafetensorError as error:
        raise ModelError(f"the weights can't be read ({error})", phase, "sweep resume trains the phase again") from error
    head = _below(tensors, f"heads.{head_name(row)}.")
    plain, why = _whole(phase, row, tensors, head) if row.kind in CLASSES else (None, "")
    model = plain if plain is not None else _encoder(phase, tensors)
    model.save_pretrained(str(folder))
    if plain is None and head:
        save_file({name: tensor.contiguous() for name, tensor in head.items()}, str(folder / HEAD))
    for name in TOKENIZER_FILES:
        if (phase / name).is_file():
            shutil.copyfile(phase / name, folder / name)
    return Plain(loads_with=CLASSES[row.kind].__name__ if plain is not None else ENCODER, why_encoder=why)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _encoder(phase: Path, tensors: Mapping[str, Tensor]) -> Any:
    with no_init_weights():
        try:
            model = AutoModel.from_config(_config(phase), add_pooling_layer=False)
        except TypeError:
            model = AutoModel.from_config(_config(phase))
    _fill(model, tensors)
    return model.eval()


def _config(phase: Path) -> Any:
    return AutoConfig.from_pretrained(str(phase), local_files_only=True, trust_remote_code=False)


def _fill(encoder: Any, tensors: Mapping[str, Tensor]) -> None:
    """Give an encoder a phase's weights; it may have a pooler more than they do."""
    own, given = encoder.state_dict(), _below(tensors, "backbone.")
    wrong = [name for name in own if "pooler" not in name and (name not in given or own[name].shape != given[name].shape)]
    if wrong or not given.keys() <= own.keys():
        first = [*wrong, *sorted(given.keys() - own.keys())][0]
        raise ModelError("the phase's weights do not fit its configuration", first, "sweep resume trains the phase again")
    encoder.load_state_dict(given, strict=False)


def _whole(phase: Path, row: TaskRow, tensors: Mapping[str, Tensor], head: Mapping[str, Tensor]) -> tuple[Any, str]:
    """The model with its head, or None and why there is none."""
    config = _config(phase)
    if row.labels and row.kind is not Kind.CHOICE:
        config.id2label = dict(enumerate(row.labels))
        config.label2id = {label: number for number, label in enumerate(row.labels)}
    kind = CLASSES[row.kind].__name__
    try:
        with no_init_weights():
            model = CLASSES[row.kind].from_config(config)
    except ValueError:
        return None, f"transformers has no {kind} of a {config.model_type}"
    base = getattr(model, model.base_model_prefix, None)
    if base is None or not head:
        return (
            None,
            f"the phase has no head {head_name(row)}" if base is not None else f"{kind} of it has no encoder of its own",
        )
    _fill(base, tensors)
    layers = _new_layers(model, base, tensors)
    ours = [name.removesuffix(".weight") for name in ("dense.weight", "out.weight") if name in head]
    if len(layers) != len(ours):
        return None, f"transformers' {kind} of a {config.model_type} has another head"
    parts = [_below(head, f"{name}.") for name in ours]
    if any(_shapes(layer.state_dict()) != _shapes(part) for layer, part in zip(layers, parts, strict=True)):
        return None, f"transformers' {kind} of a {config.model_type} has another head"
    for layer, part in zip(layers, parts, strict=True):
        layer.load_state_dict(part)
    model.eval()
    distance = _distance(model, base, row, head)
    return (model, "") if distance <= NEAR else (None, f"transformers' {kind} computes other logits (off by {distance:.2g})")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _new_layers(model: Any, base: Any, tensors: Mapping[str, Tensor]) -> list[nn.Linear]:
    """Linear layers that the encoder of a phase does not have: what is called dense, then the last."""
    known = {id(module) for name, module in base.named_modules() if f"backbone.{name}.weight" in tensors}
    found = [each for each in model.named_modules() if isinstance(each[1], nn.Linear) and id(each[1]) not in known]
    return [module for _, module in sorted(found, key=lambda each: "dense" not in each[0])]


def _distance(model: Any, base: Any, row: TaskRow, head: Mapping[str, Tensor]) -> float:
    """The largest difference of logits, by transformers' head and by ours, relative to the largest logit."""
    config = base.config
    ours = build_head(row, config.hidden_size, config.vocab_size, 0.0).eval()
    ours.load_state_dict(dict(head))
    drawn = torch.Generator().manual_seed(0)
    ids = torch.randint(5, max(6, min(config.vocab_size, 1000)), (_ROWS, _TOKENS), generator=drawn)
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        states = base(input_ids=ids, attention_mask=mask).last_hidden_state
        rows = (ids[None], mask[None]) if row.kind is Kind.CHOICE else (ids, mask)
        found = model(input_ids=rows[0], attention_mask=rows[1])
        if row.kind is Kind.SPAN:
            theirs = torch.stack([found.start_logits, found.end_logits], -1)
        else:
            theirs = found.logits
        mine = ours(states if row.kind in (Kind.TAGGING, Kind.SPAN) else states[:, 0])
    mine = mine.reshape(theirs.shape)
    return float((mine - theirs).abs().max() / mine.abs().max().clamp_min(1e-6))
