"""What a model takes, counted by torch itself without any memory: its parameters, and what it keeps for the backward pass.

Parameters are those of the class that a phase really loads, made on torch's meta device. What is kept is counted on tensors
without content (`FakeTensorMode`), with one layer and with two, one row and two: from these four follow any number of layers
and rows. So a family needs no formula of its own.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from training.errors import UserError
from training.identity import Adapter, PhaseIdentity, Role
from training.learning.precision import autocast
from training.models.adapters import adapter_weights, layer_shape, target_layers
from training.models.attention import set_attention_dropout
from training.models.backbone import build_backbone

_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers", "encoder_layers", "decoder_layers")
_FAULTS = (UserError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, OSError, NotImplementedError)
_CPU = torch.device("cpu")
_BARE = PhaseIdentity(role=Role.TARGET, tasks=(), lr=0.0, epochs=0, batch=1, seed=0)


@dataclass(frozen=True)
class Counted:
    """Parameters of an encoder, those of its layers (all but embeddings), and what its configuration says of its shape."""

    parameters: int
    layered: int
    layers: int
    width: int
    heads: int


@dataclass(frozen=True)
class Kept:
    """Bytes that are kept for the backward pass: some once, and some for each row of a length."""

    once: int
    row: int


def counted(folder: Path) -> Counted | None:
    """The parameters of a model's folder; None where there is no configuration, or none that transformers knows."""
    return _counted(folder, *stamp) if (stamp := _stamp(folder)) else None


def kept(folder: Path, phase: PhaseIdentity, length: int, layers: int) -> Kept | None:
    """What a phase keeps of rows of `length` tokens in an encoder of `layers` layers; None where torch can't tell."""
    stamp = _stamp(folder)
    if not stamp:
        return None
    bare = replace(_BARE, adapter=phase.adapter, attention_dropout=phase.attention_dropout, precision=phase.precision)
    return _kept(folder, *stamp, bare, length, layers)


def adapter_parameters(folder: Path, adapter: Adapter) -> int | None:
    """The numbers of a model's adapters; None where there is no configuration, or it can't have them."""
    return _adapters(folder, *stamp, adapter) if (stamp := _stamp(folder)) else None


@lru_cache(maxsize=64)
def _adapters(folder: Path, _size: int, _modified: int, adapter: Adapter) -> int | None:
    with contextlib.suppress(*_FAULTS), torch.device("meta"), torch.random.fork_rng(devices=[]):
        return adapter_weights(build_backbone(folder, 0, drawn=False), adapter)
    return None


def _stamp(folder: Path) -> tuple[int, int] | None:
    try:
        found = (folder / "config.json").stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=64)
def _counted(folder: Path, _size: int, _modified: int) -> Counted | None:
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            model = build_backbone(folder, 0, drawn=False)
            model.tie_weights()  # what is shared counts once
        sizes = [item.numel() for item in model.parameters()]
        looked_up = {item for module in model.modules() if isinstance(module, nn.Embedding) for item in module.parameters()}
        config = model.config
        shape = config.num_hidden_layers, config.hidden_size, config.num_attention_heads
    except _FAULTS:
        return None
    return Counted(sum(sizes), sum(sizes) - sum(item.numel() for item in looked_up), *map(int, shape))


@lru_cache(maxsize=256)
def _kept(folder: Path, _size: int, _modified: int, phase: PhaseIdentity, length: int, layers: int) -> Kept | None:
    try:
        found = {(depth, rows): _bytes(folder, phase, length, depth, rows) for depth in (1, 2) for rows in (1, 2)}
    except _FAULTS:
        return None
    row = [found[depth, 2] - found[depth, 1] for depth in (1, 2)]
    once = [found[depth, 1] - row[depth - 1] for depth in (1, 2)]
    return Kept(_extended(once, layers), _extended(row, layers))


def _extended(sizes: list[int], layers: int) -> int:
    return sizes[0] + (layers - 1) * (sizes[1] - sizes[0])


def _bytes(folder: Path, phase: PhaseIdentity, length: int, depth: int, rows: int) -> int:
    """Bytes that are kept of some rows in a model of `depth` layers, without its own weights."""
    with _shallow(folder, depth) as place, torch.random.fork_rng(devices=[]), FakeTensorMode():
        backbone = build_backbone(place, 0, drawn=False).train()
        set_attention_dropout(backbone, phase.attention_dropout)
        if phase.adapter is not None:
            _adapt(backbone, phase.adapter)
        own = {item.untyped_storage()._cdata for item in backbone.parameters()}
        seen: dict[int, tuple[Any, int]] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own:
                seen[storage._cdata] = tensor, storage.nbytes()
            return tensor

        ids = torch.zeros((rows, length), dtype=torch.long)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), autocast(_CPU, phase.precision):
            _run(backbone, ids)
        return sum(size for _, size in seen.values())


class _Beside(nn.Module):
    """A layer with an adapter, as peft computes it; peft's own can't be made of tensors without content."""

    def __init__(self, layer: Any, adapter: Adapter, sizes: tuple[int, int]) -> None:
        super().__init__()
        self.layer, self.scale, self.dropout = layer, adapter.alpha / adapter.rank, nn.Dropout(adapter.dropout)
        self.down = nn.Linear(sizes[0], adapter.rank, bias=False)
        self.up = nn.Linear(adapter.rank, sizes[1], bias=False)

    @property
    def weight(self) -> torch.Tensor:
        """The layer's own, at whose type some models look."""
        found: torch.Tensor = self.layer.weight
        return found

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer(states) + self.up(self.down(self.dropout(states))) * self.scale
        return found


def _adapt(backbone: Any, adapter: Adapter) -> None:
    layers = target_layers(backbone, adapter)
    backbone.requires_grad_(False)
    for name, layer in layers.items():
        backbone.set_submodule(name, _Beside(layer, adapter, layer_shape(layer)))


def _run(backbone: Any, ids: torch.Tensor) -> None:
    """Padded, as any family takes its batches; some look into a mask, which has no content here, so they get none."""
    encoder = backbone.get_encoder() if backbone.config.is_encoder_decoder and hasattr(backbone, "decoder") else backbone
    options = {"use_cache": False} if getattr(backbone.config, "use_cache", False) else {}
    try:
        encoder(input_ids=ids, attention_mask=torch.ones_like(ids), **options)
    except RuntimeError:
        encoder(input_ids=ids, **options)


@contextlib.contextmanager
def _shallow(folder: Path, depth: int) -> Iterator[Path]:
    """A folder with the configuration of another, but for the number of its layers."""
    config = json.loads((folder / "config.json").read_bytes())
    config |= {name: depth for name in _LAYERS if name in config}
    if isinstance(config.get("layer_types"), list):
        config["layer_types"] = config["layer_types"][:depth]
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "config.json").write_text(json.dumps(config))
        yield Path(place)
