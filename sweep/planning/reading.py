"""Sizes of data that is at hand, in the tokens of a plan's own models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sweep.options import encoded_folder
from sweep.planning.plan import Plan
from sweep.planning.splits import SplitSize, published_size, used_of
from training.data import lengths
from training.errors import UserError
from training.models.backbone import load_tokenizer
from training.tasks.row import Split


@dataclass(frozen=True)
class SplitReader:
    """Looks at the data of a plan with the tokenizer of one of its models."""

    plan: Plan
    model: str

    @cached_property
    def _measuring(self) -> Any:
        resolved = self.plan.models[self.model]
        try:
            tokenizer = load_tokenizer(resolved.folder)
        except UserError:
            return None
        return lengths.corpus_of(self.plan.sources, tokenizer, resolved.identity.tokenizer, encoded_folder())

    def size(self, key: str, task: str, split: str, languages: Sequence[str]) -> SplitSize | None:
        """Size of a split; None where the model's tokenizer or the data can't be read (a launch tells why).

        Of a scored split the first language stands for all.
        """
        if self._measuring is None:
            return None
        looked = languages if split == Split.TRAIN else languages[:1]
        try:
            parts = [lengths.measure(self._measuring, task, split, language, self.plan.digests[key]) for language in looked]
        except (UserError, OSError, ValueError):
            return None
        source = self.plan.sources[task]
        published = published_size(source, split, tuple(languages))
        units = [used_of(source, split, part.units) if source.row.parts else part.units for part in parts]
        tokens = [published.tokens if part.tokens is None else part.tokens for part in parts]
        mean = sum(count * each for count, each in zip(units, tokens, strict=True)) / sum(units)
        exact = all(part.exact for part in parts)
        basis = "counted: the encoded store" if exact else f"counted; tokens of {lengths.SAMPLE} examples"
        counts = [part.examples or part.units for part in parts]
        examples = sum(used_of(source, split, count) if source.row.parts else count for count in counts)
        return SplitSize(tuple(units) if split == Split.TRAIN else tuple(units) * len(languages), mean, basis, examples)
