"""The compact vocabulary: of an encoder's word table, only the rows of tokens that a phase's data hold are trained.

A token that is not in the data never gets a gradient. Of its row, dense AdamW (arXiv 1711.05101) keeps moments of zero, and
multiplies it by 1 - rate x decay in each step; here that is done once, at the end. So the weights are those of dense AdamW: bit
for bit without weight decay, up to its rounding with it. (On the CPU that takes rows of a multiple of 16 numbers, as encoders
have: torch rounds the rest of a table in its own way.) Gradient, norm, moments and checkpoint have the active rows alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.data.columns import FeatureRows
from training.data.features import Encoded
from training.data.joined import Joined
from training.errors import StoreError
from training.models.carry import ChainModel
from training.tasks.row import Kind

TOKENS = "words.tokens"
"""The tensor of a checkpoint that names the tokens whose rows it holds, [active]; one without it has them all."""
_CHUNK = 1 << 22
_ROWS = "rows_of_tokens"


class WordTable:
    """The word table of a model while a phase trains it: the rows of `tokens` [active], in their order, or (None) the whole.

    `step` is how many optimiser steps the weights have seen, and has to be kept up by who trains. `decayed` tells what is left
    after so many steps of a weight that gets no gradient, as a factor.
    """

    def __init__(self, model: ChainModel, tokens: NDArray[np.int64] | None, decayed: Callable[[int], float]) -> None:
        self.step, self.decayed = 0, decayed
        self._module = word_embedding(model)
        self.tokens = None if tokens is None else torch.from_numpy(tokens)
        self._names = _names_of(model, self._module)
        self._whole: Tensor | None = None

    @property
    def rows(self) -> int:
        """Rows that are trained."""
        return 0 if self._module is None else len(self._module.weight)

    @contextlib.contextmanager
    def compact(self) -> Iterator[None]:
        """While entered, the encoder has the rows of `tokens` alone, and its optimiser has to be made inside.

        The encoder still takes tokens by their own numbers; one that is not active is an IndexError. At the end, however it
        comes, the table is whole again, and its other rows are decayed by `step` steps.
        """
        module, tokens = self._module, self.tokens
        if module is None or tokens is None:
            yield
            return
        whole, padding = module.weight.detach(), module.padding_idx
        rows = torch.full((len(whole),), -1, dtype=torch.long)
        rows[tokens] = torch.arange(len(tokens))
        self._whole = whole
        _replace(module, whole[tokens.to(whole.device)], None if padding is None else int(rows[padding]))
        module.register_buffer(_ROWS, rows.to(whole.device), persistent=False)
        hook = module.register_forward_pre_hook(_by_row)
        try:
            yield
        finally:
            hook.remove()
            delattr(module, _ROWS)
            device = module.weight.device
            _replace(module, self._restored(module.weight.detach(), whole), padding)
            self._whole = None
        module.to(device)  # not after a fault: it may be that of a device without memory

    def kept(self) -> dict[str, Tensor]:
        """What a checkpoint has to say about its rows."""
        return {} if self.tokens is None else {TOKENS: self.tokens.int()}

    def fitted(self, tensors: Mapping[str, Tensor], step: int) -> Mapping[str, Tensor]:
        """The tensors of a checkpoint of `step` steps with the rows that are trained here, whichever it has.

        Raises StoreError where its rows are not those of the tokens that it names, or not of this table.
        """
        there = tensors[TOKENS].long() if TOKENS in tensors else None
        if self._module is None or _equal(there, self.tokens):
            return tensors
        size = len(self._module.weight if self._whole is None else self._whole)
        places = _places(there, size)[slice(None) if self.tokens is None else self.tokens]
        changed = {}
        prefixes = ("model.", "adam.exp_avg.", "adam.exp_avg_sq.")
        for name in {prefix + name for prefix in prefixes for name in self._names} & tensors.keys():
            if len(tensors[name]) != (size if there is None else len(there)):
                raise StoreError("the checkpoint is another model's", name)
            changed[name] = self._rows(tensors[name], places, step if name.startswith("model.") else None)
        return {**tensors, **changed}

    def _rows(self, value: Tensor, places: Tensor, step: int | None) -> Tensor:
        """`value` [rows there, width] at `places` [rows here]; where there is none, the decayed weight (step None: zero)."""
        known = places >= 0
        if bool(known.all()):
            return value[places]
        found = value.new_zeros(len(places), *value.shape[1:]) if step is None else self._untrained(step)
        found[known] = value[places[known]]
        return found

    def _untrained(self, step: int) -> Tensor:
        """A copy of the rows as they would be after `step` steps without a gradient."""
        if self._whole is not None and self.tokens is not None:
            return self._whole[self.tokens.to(self._whole.device)].cpu() * self.decayed(step)
        assert self._module is not None
        return self._module.weight.detach().cpu() * (self.decayed(step) / self.decayed(self.step))

    def _restored(self, active: Tensor, whole: Tensor) -> Tensor:
        """The whole table; `whole` itself is used for it."""
        assert self.tokens is not None
        left = self.decayed(self.step)
        if left != 1.0:
            whole.mul_(left)
        whole[self.tokens.to(whole.device)] = active.to(whole.device)
        return whole


def word_embedding(model: ChainModel) -> nn.Embedding | None:
    """The module that looks words up, where it is a plain one: its table is no other part's, and only AdamW changes it."""
    module: object = None
    with contextlib.suppress(NotImplementedError, AttributeError):
        module = model.backbone.get_input_embeddings()
    if not isinstance(module, nn.Embedding) or module.max_norm is not None or module.sparse or module.scale_grad_by_freq:
        return None
    others = (parameter for other in model.modules() if other is not module for parameter in other.parameters(recurse=False))
    shared = any(parameter is module.weight for parameter in others)
    return None if shared or not module.weight.requires_grad else module


def active_tokens(data: Sequence[Encoded], size: int, always: Iterable[int]) -> NDArray[np.int64] | None:
    """The tokens of a vocabulary of `size` that are in the data or in `always`, [active], rising; None where it is no use.

    That is where each word gets a gradient in every step (masked language modelling), or is in the data.
    """
    if any(encoded.row.kind is Kind.MLM for encoded in data):
        return None
    seen = np.zeros(size, dtype=np.bool_)
    seen[list(always)] = True
    for encoded in data:
        for part in encoded.parts if isinstance(encoded, Joined) else (encoded,):
            for ids in _ids(part):
                seen[ids] = True
    return None if seen.all() else np.flatnonzero(seen)


def _ids(encoded: Encoded) -> Iterator[NDArray[np.int32]]:
    """The tokens of a split, in pieces: as they lie in its columns, where it has any."""
    features = encoded.features
    if not isinstance(features, FeatureRows):
        yield from (feature.ids for feature in features)
        return
    column = features.columns["ids"]
    yield from (column[start : start + _CHUNK] for start in range(0, len(column), _CHUNK))


def _by_row(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Rows of tokens in place of their numbers: -1, which no table has, for one that is not active."""
    rows: Tensor = getattr(module, _ROWS)
    return (rows[arguments[0]], *arguments[1:])


def _replace(module: nn.Embedding, table: Tensor, padding: int | None) -> None:
    module.weight = nn.Parameter(table)
    module.num_embeddings, module.padding_idx = len(table), padding


def _names_of(model: ChainModel, module: nn.Embedding | None) -> list[str]:
    """What the table is called in the model's state: an encoder may hold the module in two places."""
    weight = None if module is None else module.weight
    return [name for name, parameter in model.named_parameters(remove_duplicate=False) if parameter is weight]


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other if one is None or other is None else torch.equal(one, other)


def _places(tokens: Tensor | None, size: int) -> Tensor:
    """[size]: the place of each token's row among those of `tokens` (None: all), -1 for none."""
    if tokens is None:
        return torch.arange(size)
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < size:
        raise StoreError("the checkpoint is another model's", TOKENS)
    places = torch.full((size,), -1, dtype=torch.long)
    places[tokens] = torch.arange(len(tokens))
    return places
