"""A phase's model as transformers' own class for its task, so that it loads without this project.

The heads of `training.models.heads` compute what the classes of BERT, RoBERTa and XLM-R do: dense, tanh, linear on the first
token (BERT and multiple choice call the dense layer a pooler), or linear on every token. Whether they do for a given model is
not assumed: both are run on the same tokens, and where they differ the encoder alone is given, with the reason. A decoder's
classes for tagging and answers compute what ours do; for whole rows they have one layer where ours have two.
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
    AutoModelForTextEncoding,
    AutoModelForTokenClassification,
    PreTrainedTokenizerFast,
)
from transformers.initialization import no_init_weights
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from training.errors import ModelError
from training.files.tensorfile import open_as_its_folder
from training.models.backbone import TOKENIZER_FILES, load_tokenizer, read_config
from training.models.family import Family, family_of, width_of
from training.models.halves import encoder_class
from training.models.heads import build_head, head_name
from training.tasks.row import Kind, TaskRow

CLASSES: Mapping[Kind, Any] = {
    Kind.CLASSIFICATION: AutoModelForSequenceClassification,
    Kind.CHOICE: AutoModelForMultipleChoice,
    Kind.TAGGING: AutoModelForTokenClassification,
    Kind.SPAN: AutoModelForQuestionAnswering,
}
ENCODER = "AutoModel"
_WHERE = {Family.DECODER: "a row's last token", Family.ENCODER_DECODER: "the mean of a row's states"}
"""What a head of whole rows sees, where it is not the first token."""
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
    head, family = _below(tensors, f"heads.{head_name(row)}."), family_of(read_config(phase))
    plain, why = _whole(phase, row, tensors, head, family) if row.kind in CLASSES else (None, "")
    if why and family in _WHERE and row.kind in (Kind.CLASSIFICATION, Kind.CHOICE):
        why += f"; ours is for {_WHERE[family]}"
    loads_with = CLASSES[row.kind].__name__ if plain is not None else ENCODER
    if plain is None and family is Family.ENCODER_DECODER:
        model, loads_with = _half(phase, tensors)
    else:
        model = plain if plain is not None else _encoder(phase, tensors)
    model.save_pretrained(str(folder))
    if plain is None and head:
        save_file({name: tensor.contiguous() for name, tensor in head.items()}, str(folder / HEAD))
    for path in folder.glob("*.safetensors"):
        open_as_its_folder(path)
    _write_tokenizer(phase, folder, family)
    return Plain(loads_with=loads_with, why_encoder=why)


def _write_tokenizer(phase: Path, folder: Path, family: Family) -> None:
    """The tokenizer's files, or of a family whose rows are framed by us one that frames them so."""
    if family is Family.ENCODER:
        for name in TOKENIZER_FILES:
            if (phase / name).is_file():
                shutil.copyfile(phase / name, folder / name)
        return
    own = load_tokenizer(phase)
    names = {name: token for name, token in own.special_tokens_map.items() if isinstance(token, str)}
    backend = type(own.backend_tokenizer).from_str(own.backend_tokenizer.to_str())
    backend.no_truncation()
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(str(folder))


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _encoder(phase: Path, tensors: Mapping[str, Tensor]) -> Any:
    with no_init_weights():
        try:
            model = AutoModel.from_config(_config(phase), dtype=torch.float32, add_pooling_layer=False)
        except TypeError:
            model = AutoModel.from_config(_config(phase), dtype=torch.float32)
    _fill(model, tensors)
    return model.eval()


def _half(phase: Path, tensors: Mapping[str, Tensor]) -> tuple[Any, str]:
    """The encoder of an encoder-decoder, and the class that loads it: T5's own class of an encoder, or the encoder's class."""
    half, config = encoder_class(_config(phase))
    with no_init_weights():
        encoder = half._from_config(config, dtype=torch.float32)
        _fill(encoder, tensors)
        try:
            model = AutoModelForTextEncoding.from_config(_config(phase), dtype=torch.float32)
        except ValueError:
            return encoder.eval(), f"{half.__module__}.{half.__name__}"
    model.encoder.load_state_dict(encoder.state_dict())
    model.set_input_embeddings(model.encoder.get_input_embeddings())
    return model.eval(), type(model).__name__


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


def _whole(
    phase: Path, row: TaskRow, tensors: Mapping[str, Tensor], head: Mapping[str, Tensor], family: Family
) -> tuple[Any, str]:
    """The model with its head, or None and why there is none."""
    config = _config(phase)
    if family is Family.ENCODER_DECODER:
        return None, f"transformers' classes of a {config.model_type} have a decoder, and the encoder alone was trained"
    if row.labels and row.kind is not Kind.CHOICE:
        config.id2label = dict(enumerate(row.labels))
        config.label2id = {label: number for number, label in enumerate(row.labels)}
    kind = CLASSES[row.kind].__name__
    try:
        with no_init_weights():
            model = CLASSES[row.kind].from_config(config, dtype=torch.float32)
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
    distance = _distance(model, base, row, head, family)
    return (model, "") if distance <= NEAR else (None, f"transformers' {kind} computes other logits (off by {distance:.2g})")


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _new_layers(model: Any, base: Any, tensors: Mapping[str, Tensor]) -> list[nn.Linear]:
    """Linear layers that the encoder of a phase does not have: what is called dense, then the last."""
    known = {id(module) for name, module in base.named_modules() if f"backbone.{name}.weight" in tensors}
    found = [each for each in model.named_modules() if isinstance(each[1], nn.Linear) and id(each[1]) not in known]
    return [module for _, module in sorted(found, key=lambda each: "dense" not in each[0])]


def _distance(model: Any, base: Any, row: TaskRow, head: Mapping[str, Tensor], family: Family) -> float:
    """The largest difference of logits, by transformers' head and by ours, relative to the largest logit."""
    config = base.config
    ours = build_head(row, width_of(config), config.vocab_size, 0.0).eval()
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
        place = -1 if family is Family.DECODER else 0
        mine = ours(states if row.kind in (Kind.TAGGING, Kind.SPAN) else states[:, place])
    mine = mine.reshape(theirs.shape)
    return float((mine - theirs).abs().max() / mine.abs().max().clamp_min(1e-6))
