"""Weights from phase to phase: what is carried, what is left behind, what is new, and a refusal when nothing is carried."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from training.data.packs import Pack
from training.errors import ModelError, PhaseLostError
from training.models.backbone import build_backbone, load_backbone
from training.models.encoding import encode
from training.models.family import Family, family_of_model, has_large_words, width_of
from training.models.graphs import Graphs
from training.models.heads import build_head, head_name
from training.models.pooling import row_states
from training.record import CarryReport
from training.tasks.row import Kind, TaskRow


class ChainModel(nn.Module):
    """An encoder (or a decoder) and the heads of one phase. Tensor names are `backbone.*` and `heads.<head>.*`.

    With `packed` off, packs are padded for the encoder even where it could take them as they are. `graphs` are replayed in
    training, where there are any.
    """

    def __init__(self, backbone: Any, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(heads)
        self.packed = True
        self.graphs: Graphs | None = None

    def encode(self, pack: Pack, layer: int | None = None) -> Tensor:
        """States of a pack's tokens, [tokens, width]: the last, or those after `layer` layers (0: the embeddings)."""
        if self.graphs is not None and layer is None and torch.is_grad_enabled():
            return self.graphs.encode(pack)
        return encode(self.backbone, pack, layer, packed=self.packed)

    @cached_property
    def family(self) -> Family:
        """What the layers see."""
        return family_of_model(self.backbone)

    def of_rows(self, hidden: Tensor, pack: Pack) -> Tensor:
        """What heads see of each row, [rows, width], of the states of a pack's tokens."""
        return row_states(hidden, pack, self.family)

    @property
    def layers(self) -> int:
        """Number of transformer layers."""
        return int(self.backbone.config.num_hidden_layers)

    @property
    def embeddings(self) -> Tensor:
        """Word embeddings, [vocabulary, width]."""
        weight: Tensor = self.backbone.get_input_embeddings().weight
        return weight


def _heads(rows: Iterable[TaskRow], backbone: Any, seed: int) -> dict[str, nn.Module]:
    config, family = backbone.config, family_of_model(backbone)
    width, embedding = width_of(config), int(backbone.get_input_embeddings().weight.shape[1])
    scale = embedding**-0.5 if has_large_words(config) else 1.0
    heads: dict[str, nn.Module] = {}
    for row in rows:
        name = head_name(row)
        if row.kind is Kind.RETRIEVAL or name in heads:
            continue
        torch.manual_seed(int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:6], "big"))
        heads[name] = build_head(row, width, config.vocab_size, _dropout(config), family, embedding, scale)
    return heads


def _dropout(config: Any) -> float:
    """Dropout of the heads: the configuration's own value for them, else the encoder's."""
    own = getattr(config, "classifier_dropout", None)
    return float(getattr(config, "hidden_dropout_prob", 0.1) if own is None else own)


def from_pretrained(
    folder: Path, rows: Iterable[TaskRow], *, random: bool, model_seed: int, seed: int
) -> tuple[ChainModel, CarryReport]:
    """A phase's model on top of a published model (or, with `random`, of its untrained configuration)."""
    if random:
        backbone = build_backbone(folder, model_seed)
        model = ChainModel(backbone, _heads(rows, backbone, seed))
        return model, CarryReport(carried=0, initialised=tuple(sorted(model.state_dict())))
    loaded = load_backbone(folder)
    model = ChainModel(loaded.model, _heads(rows, loaded.model, seed))
    new = tuple(
        sorted(
            [f"backbone.{name}" for name in loaded.missing] + [name for name in model.state_dict() if name.startswith("heads.")]
        )
    )
    return model, CarryReport(carried=loaded.carried, dropped=loaded.unused, initialised=new)


def without_weights(folder: Path, rows: Iterable[TaskRow]) -> ChainModel:
    """A phase's model with whatever was in memory for weights: each of them is given by somebody else."""
    backbone = build_backbone(folder, 0, drawn=False)
    return ChainModel(backbone, _heads(rows, backbone, 0))


def from_phase(
    folder: Path, weights: Path, rows: Iterable[TaskRow], *, seed: int, carry_heads: bool = True
) -> tuple[ChainModel, CarryReport]:
    """A phase's model on top of an earlier phase: the whole encoder, and heads where name and shape agree (unless told not to).

    Raises ModelError when an encoder tensor is missing or has another shape (the phase before is another model's),
    PhaseLostError when its weights can't be read.
    """
    backbone = build_backbone(folder, 0, drawn=False)
    model = ChainModel(backbone, _heads(rows, backbone, seed))
    try:
        parent = load_file(str(weights))
    except (SafetensorError, OSError) as error:
        raise PhaseLostError(f"the phase {weights.parent.name} can't be read", error, "give the same command again") from error
    report = carry_into(model, parent, carry_heads=carry_heads)
    return model, report


def carry_into(model: ChainModel, parent: Mapping[str, Tensor], *, carry_heads: bool = True) -> CarryReport:
    """Copy into `model` every tensor of `parent` that fits; raises ModelError unless each of the encoder's does."""
    own = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in parent.items()
        if name in own and own[name].shape == tensor.shape and (carry_heads or not name.startswith("heads."))
    }
    lost = [name for name in own if name.startswith("backbone.") and name not in fitting]
    if lost:
        whole = sum(name.startswith("backbone.") for name in own)
        nothing = "nothing" if len(lost) == whole else "not the whole encoder"
        seen = f"{len(lost)} of {whole} tensors do not fit, {lost[0]} first"
        remedy = "the phase before has another architecture: check that it belongs to this model"
        raise ModelError(f"{nothing} is carried over from the phase before", seen, remedy)
    model.load_state_dict(fitting, strict=False)
    dropped, new = sorted(parent.keys() - fitting.keys()), sorted(own.keys() - fitting.keys())
    return CarryReport(carried=len(fitting), dropped=tuple(dropped), initialised=tuple(new))
