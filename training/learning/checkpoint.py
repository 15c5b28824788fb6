"""In-phase checkpoints: weights, AdamW's moments and the step, in safetensors, so that a killed phase goes on where it was.

Random numbers need no saving: the batches of an epoch and the masks of a step are functions of (seed, epoch, step). The same
phase with and without an interruption gives the same weights, bit for bit on one CPU thread. Of the word table there are the
rows that are trained, and of an encoder with adapters no weight that stands still: the others follow from the phase before.
What is written is the model itself, or a copy of it that lets the training go on meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from training.errors import Faults, StoreError
from training.files.codec import canonical, from_payload
from training.files.storage import is_unreachable, persevere, replace_with
from training.files.tensorfile import write_tensors
from training.models.adapters import frozen_names
from training.models.carry import ChainModel
from training.models.compact import WordTable

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a phase has come.

    `step` optimiser steps are done, `tokens` real tokens seen in `seconds` of training; `curve` is the loss curve so far and
    `recent` the losses of the steps that are not in it yet.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    curve: tuple[tuple[int, float], ...] = ()
    recent: tuple[float, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """What a checkpoint holds: tensors on the CPU, by name, and how far the phase had come."""

    tensors: Mapping[str, Tensor]
    position: Position

    def write(self, path: Path) -> None:
        """Write it atomically, again after a fleeting fault; raises StoreError (StorageFullError on a full disk)."""
        note = {"position": canonical(self.position).decode(), "crc32": _checksum(self.tensors)}
        replace_with(path, lambda temporary: write_tensors(temporary, self.tensors, note))


def snapshot(
    model: ChainModel, optimiser: torch.optim.AdamW, position: Position, words: WordTable | None = None, *, copied: bool
) -> Snapshot:
    """What a checkpoint of this moment holds; unless `copied`, it is good only until the next step."""
    tensors = {name: value.detach().to("cpu", copy=copied).contiguous() for name, value in _tensors(model, optimiser)}
    return Snapshot(tensors | (words.kept() if words else {}), position)


def load_checkpoint(
    path: Path,
    model: ChainModel,
    optimiser: torch.optim.AdamW,
    on_damage: Callable[[Path, str], None],
    *,
    most: int = sys.maxsize,
    words: WordTable | None = None,
) -> Position | None:
    """Restore a checkpoint into model and optimiser; None when there is none, or when it is further than `most` steps.

    With `words` it does not matter whether it has the whole word table or a compact one. One that is damaged or does not fit is
    set aside and reported (path, cause), with model and optimiser as they were. Raises StoreError where the storage is out of
    reach.
    """
    if not path.is_file():
        return None
    try:
        position, tensors = persevere(lambda: _read(path, model, words), path)
    except FileNotFoundError:
        return None
    except (SafetensorError, KeyError, ValueError, OSError, StoreError, Faults) as error:
        if is_unreachable(error):
            raise StoreError(f"the checkpoint {path} can't be read", error, "check the storage, then try again") from error
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_suffix(".damaged"))
        on_damage(path, str(error).splitlines()[0])
        return None
    if position.step > most:
        return None
    model.load_state_dict({name: tensors[f"model.{name}"] for name in kept_state(model)}, strict=False)
    for name, parameter in model.named_parameters():
        if f"adam.exp_avg.{name}" in tensors:
            optimiser.state[parameter] = {
                moment: tensors[f"adam.{moment}.{name}"].to(parameter.device, copy=True) for moment in MOMENTS
            }
        else:
            optimiser.state.pop(parameter, None)
    if words is not None:
        words.step = position.step
    return position


def peek_step(path: Path) -> int | None:
    """Steps that a checkpoint says it holds, from its first bytes alone; None when there is none, -1 when it can't be read."""
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), "pt") as stream:
            return int(json.loads((stream.metadata() or {})["position"])["step"])
    except FileNotFoundError:
        return None
    except (SafetensorError, KeyError, ValueError, TypeError, OSError):
        return -1


def kept_state(model: ChainModel) -> dict[str, Tensor]:
    """What of a model's state a phase changes: all but the weights that stand still."""
    frozen = frozen_names(model)
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def _tensors(model: ChainModel, optimiser: torch.optim.AdamW) -> Iterator[tuple[str, Tensor]]:
    for name, value in kept_state(model).items():
        yield f"model.{name}", value
    for name, parameter in model.named_parameters():
        for moment in MOMENTS:
            if moment in optimiser.state.get(parameter, {}):
                yield f"adam.{moment}.{name}", optimiser.state[parameter][moment]


def _read(path: Path, model: ChainModel, words: WordTable | None) -> tuple[Position, Mapping[str, Tensor]]:
    """The whole of a checkpoint, before anything of it is used."""
    with safe_open(str(path), "pt") as stream:
        note = stream.metadata() or {}
    tensors: Mapping[str, Tensor] = load_file(str(path))
    if note["crc32"] != _checksum(tensors):
        raise StoreError("the checkpoint's tensors are not those that were written")
    position = from_payload(Position, json.loads(note["position"]), f"checkpoint {path.name}")
    if words is not None:
        tensors = words.fitted(tensors, position.step)
    for name, value in kept_state(model).items():
        if tensors[f"model.{name}"].shape != value.shape:
            raise StoreError("the checkpoint is another model's", name)
    return position, tensors


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    """CRC-32 of names and values: safetensors itself has no checksum."""
    whole = 0
    for name in sorted(tensors):
        content = tensors[name].reshape(-1).view(torch.uint8).numpy()
        whole = zlib.crc32(content.data, zlib.crc32(name.encode(), whole))
    return f"{whole:08x}"
