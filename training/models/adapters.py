"""Low-rank adapters (LoRA, arXiv 2106.09685) on an encoder, for as long as a phase trains it.

Inside of `adapted` the encoder's own weights stand still: each target layer adds `alpha` / `rank` times B A x to what it gives,
with A [rank, in] and B [out, rank] of its own. At the end the products are added to the weights, so what a phase leaves is a
whole encoder, and the next phase, which has fresh adapters, the evaluation and the export know of none.

The layers are found by what they are, not by a table of names, so any family of models has them. The numbers that A begins
with follow from the phase's seed, its tasks and the layer's name. peft has the layers themselves; it is imported where a phase
asks for them.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from training.errors import ModelError
from training.identity import Adapter, PhaseIdentity
from training.models.carry import ChainModel

ATTENTION = "attention"
_NAME = "default"


@contextlib.contextmanager
def adapted(model: ChainModel, phase: PhaseIdentity) -> Iterator[None]:
    """While entered, the model has the phase's adapter, if any; its weights are merged at the end, unless a fault ends it.

    Raises ModelError where the encoder has no layer to adapt, or peft is not installed.
    """
    if phase.adapter is None:
        yield
        return
    learned = {name: parameter.requires_grad for name, parameter in model.backbone.named_parameters()}
    tuner = _tuner(model.backbone, phase.adapter)
    _draw(model.backbone, phase)
    try:
        yield
    except BaseException:
        tuner.unload()
        raise
    else:
        tuner.merge_and_unload()
    finally:
        vars(model.backbone).pop("peft_config", None)  # else transformers saves the encoder as one with adapters
        for name, parameter in model.backbone.named_parameters():
            parameter.requires_grad_(learned[name])


def trained_width(model: ChainModel, phase: PhaseIdentity) -> int:
    """How many parameters a phase trains, of a model that has no adapter yet."""
    if phase.adapter is None:
        return sum(parameter.requires_grad for parameter in model.parameters())
    return len(list(model.heads.parameters())) + 2 * len(target_layers(model.backbone, phase.adapter))


def adapter_weights(backbone: Any, adapter: Adapter) -> int:
    """The numbers of an encoder's adapters; raises ModelError where it has no layer to adapt."""
    shapes = map(layer_shape, target_layers(backbone, adapter).values())
    return sum(adapter.rank * (into + out) for into, out in shapes)


def target_layers(backbone: Any, adapter: Adapter) -> Mapping[str, nn.Module]:
    """The layers that an adapter stands on, by name; raises ModelError where the encoder has none."""
    words = backbone.get_output_embeddings() if hasattr(backbone, "get_output_embeddings") else None
    linear = {
        name: module
        for name, module in backbone.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and module is not words
    }
    if adapter.targets == ATTENTION:
        attention = [name for name, module in backbone.named_modules() if "Attention" in type(module).__name__]
        linear = {name: module for name, module in linear.items() if any(name.startswith(f"{part}.") for part in attention)}
    if not linear:
        seen = f"{type(backbone).__name__} has no linear layer" + (" of attention" if adapter.targets == ATTENTION else "")
        remedy = "write `targets: all_linear`" if adapter.targets == ATTENTION else "leave `training.adapter` out"
        raise ModelError("an adapter finds no layer to stand on", seen, remedy)
    return linear


def frozen_names(model: nn.Module) -> frozenset[str]:
    """The names of a model's weights that stand still: every process has them from the phase before."""
    return frozenset(name for name, item in model.named_parameters(remove_duplicate=False) if not item.requires_grad)


def _tuner(backbone: Any, adapter: Adapter) -> Any:
    try:
        from peft import LoraConfig
        from peft.tuners.lora import LoraModel
    except ImportError as error:
        raise ModelError("adapters need the library peft, which is not installed", error, "pip install peft") from error
    targets = target_layers(backbone, adapter)
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,  # type: ignore[arg-type]
        lora_dropout=adapter.dropout,
        target_modules=list(targets),
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in targets.values()),
        bias="none",
    )
    return LoraModel(backbone, config, _NAME)


def _draw(backbone: Any, phase: PhaseIdentity) -> None:
    """Give A what `nn.Linear` begins with, and B zeros, whatever peft's own way and order of drawing is.

    Phases of one chain and seed begin with other numbers, or they would all search the same few directions.
    """
    place = f"{phase.seed}:{phase.role}:{'+'.join(use.task for use in phase.tasks)}"
    for name, module in backbone.named_modules():
        if not hasattr(module, "lora_A"):
            continue
        torch.manual_seed(int.from_bytes(hashlib.sha256(f"{place}:{name}".encode()).digest()[:6], "big"))
        down: Tensor = module.lora_A[_NAME].weight
        nn.init.kaiming_uniform_(down, a=math.sqrt(5))
        nn.init.zeros_(module.lora_B[_NAME].weight)


def layer_shape(layer: Any) -> tuple[int, int]:
    """(in, out) of a target layer."""
    rows, columns = layer.weight.shape
    return (rows, columns) if isinstance(layer, Conv1D) else (columns, rows)
