"""How large the phases of a plan are: tokens of one pass over the training data of each.

What is known best goes first: phases that records tell of, features in the encoded store, a sample of the data read with the
model's own tokenizer, and published sizes (`splits`) where the data is not at hand. A mixture's epoch follows the shares of
`training.data.draws`, caps included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sweep.planning.needs import needed_splits
from sweep.planning.plan import Plan
from sweep.planning.splits import PUBLISHED, SplitSize, published_size
from sweep.planning.studies import StudySpec
from sweep.planning.tree import Node
from training.data.draws import task_shares
from training.identity import Mixing, PhaseIdentity, TaskUse
from training.record import TrialRecord

Measured = tuple[str, tuple[TaskUse, ...], Mixing]
"""A model's name in the grid, and what decides which examples an epoch has."""


@dataclass
class Sizes:
    """Tokens of a plan's phases.

    `splits` is by model and by the key of a split (`mnli/train`, `xnli/scored`); `epochs` are tokens of one pass that were
    counted while phases trained.
    """

    splits: Mapping[tuple[str, str], SplitSize]
    epochs: Mapping[Measured, float] = field(default_factory=dict)
    _known: dict[Measured, float] = field(default_factory=dict, init=False, repr=False)

    def epoch_tokens(self, model: str, phase: PhaseIdentity) -> float:
        """Real (not padded) tokens of one pass over a phase's training data."""
        key = (model, phase.tasks, phase.mixing)
        if key not in self._known:
            counted = self.epochs.get(key)
            self._known[key] = self._epoch(*key) if counted is None else counted
        return self._known[key]

    def _epoch(self, model: str, tasks: tuple[TaskUse, ...], mixing: Mixing) -> float:
        parts = [self.learned(model, use) for use in tasks]
        shares = task_shares([part.units_of(use.examples) for part, use in zip(parts, tasks, strict=True)], mixing)
        return sum(share * part.tokens for share, part in zip(shares, parts, strict=True))

    def learned(self, model: str, use: TaskUse) -> SplitSize:
        """Size of the training set that a task is learned from, before a number of examples is taken of it."""
        some = self.splits.get((model, f"{use.task}/train/{'+'.join(use.languages)}"))
        return some or self.splits[model, f"{use.task}/train"]

    def lacking(self, plan: Plan) -> dict[str, dict[str, tuple[int, int]]]:
        """Settings that ask for more examples of a task than there are: by name and task, how many there are and are wanted."""
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for study in plan.studies:
            wanted = (use for use in plan.intermediate_uses(study) if use.examples)
            for use in wanted:
                size = self.learned(study.model, use)
                if (there := size.examples or size.total) < use.examples and not size.is_guessed:
                    found.setdefault(study.intermediate.name, {})[use.task] = (there, use.examples)
        return found

    def node_tokens(self, node: Node) -> float:
        """Tokens that a piece of training goes through."""
        return node.epochs * self.epoch_tokens(node.model, node.phase)

    def scored_tokens(self, plan: Plan, study: StudySpec) -> float:
        """Tokens of a trial's evaluation: every scored language of every target, and English dev."""
        keys = [f"{target}/scored" for target in study.targets]
        trained = plan.sources[study.group].row.trained
        keys += [f"{task}/dev" for task in ((study.group,) if trained else study.intermediate.tasks)]
        return sum(size.total * size.tokens for key in keys if (size := self.splits.get((study.model, key))) is not None)

    def assumed(self) -> dict[str, str]:
        """Training sets whose size is published or assumed, and what says so."""
        return {
            key.partition("/train")[0]: size.basis
            for (_, key), size in self.splits.items()
            if "/train" in key and size.basis.startswith(PUBLISHED)
        }


def sizes_of(plan: Plan, missing: Iterable[str] = (), records: Iterable[TrialRecord] = ()) -> Sizes:
    """Sizes of everything a plan reads; splits whose keys are in `missing` are not at hand, and get published sizes."""
    from sweep.planning.reading import SplitReader

    absent, splits = set(missing), {}
    for model in plan.grid.models:
        reader = SplitReader(plan, model)
        for key, task, split, languages in needed_splits(plan.grid, plan.sources):
            found = None if key in absent else reader.size(key, task, split, languages)
            splits[model, key] = found or published_size(plan.sources[task], split, languages)
    return Sizes(splits, epochs_of_records(records))


def epochs_of_records(records: Iterable[TrialRecord]) -> dict[Measured, float]:
    """Tokens of one pass, from the phases of earlier trials."""
    return {
        (record.model, trace.identity.tasks, trace.identity.mixing): trace.tokens / trace.identity.epochs
        for record in records
        for trace in record.phases
        if trace.tokens
    }
