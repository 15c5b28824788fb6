"""From a setting and a seed to a chain's identity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from search_spaces.schema import Grid, Intermediate
from sweep.planning.studies import Setting, StudySpec, learned_for, learned_languages, train_key
from sweep.sources import ResolvedModel
from training.data.loading import DataSource
from training.identity import Adapter, ChainIdentity, EvaluationIdentity, Mixing, PhaseIdentity, Role, TaskUse
from training.models.heads import head_name
from training.record import ENGLISH
from training.tasks.row import Kind, Split, TaskRow

_Evaluations = tuple[EvaluationIdentity, ...]


@dataclass(frozen=True)
class Chains:
    """Builds identities from a grid."""

    grid: Grid
    models: Mapping[str, ResolvedModel]
    sources: Mapping[str, DataSource]
    digests: Mapping[str, str]
    _uses: dict[tuple[str, tuple[str, ...], int], TaskUse] = field(default_factory=dict, init=False, repr=False, compare=False)
    _known: dict[object, tuple[_Evaluations, _Evaluations]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def chain(self, study: StudySpec, setting: Setting, seed: int) -> ChainIdentity:
        """The chain of a setting and a seed."""
        phases = list(self._pretrain(study.model))
        if not study.intermediate.is_baseline:
            mixing = self._mixing(study.intermediate)
            phases.append(self._phase(Role.INTERMEDIATE, self.intermediate_uses(study.intermediate), setting, seed, mixing))
        learned = learned_for(self._row(study.group))
        phases += [self._phase(Role.TARGET, (self._use(task),), setting, seed) for task in learned]
        selection, evaluations = self._measured(study)
        return ChainIdentity(
            model=self.models[study.model].identity, phases=tuple(phases), selection=selection, evaluations=evaluations
        )

    def _row(self, task: str) -> TaskRow:
        return self.sources[task].row

    def _pretrain(self, model: str) -> Iterator[PhaseIdentity]:
        spec = self.grid.models[model].pretrain
        if spec is not None:
            yield PhaseIdentity(
                role=Role.PRETRAIN,
                tasks=(self._use(spec.task),),
                lr=spec.lr,
                epochs=spec.epochs,
                batch=spec.batch,
                seed=spec.seed,
                mask_rate=spec.mask_rate,
                length_pool=spec.length_pool,
                attention_dropout=self.grid.training.attention_dropout,
                precision=self.grid.training.precision,
            )

    def _mixing(self, intermediate: Intermediate) -> Mixing:
        """How an intermediate setting mixes its tasks; a task that stands alone is not capped, unless it says so itself."""
        return Mixing(
            kind=intermediate.sampling,
            cap=intermediate.cap or (self.grid.training.mixing_cap if len(intermediate.tasks) > 1 else 0),
            temperature=intermediate.temperature or 1.0,
            weights=intermediate.weights,
            alpha=intermediate.alpha,
            batches=intermediate.batches,
            loss_scaling=intermediate.loss_scaling,
        )

    def _phase(
        self, role: Role, tasks: tuple[TaskUse, ...], setting: Setting, seed: int, mixing: Mixing | None = None
    ) -> PhaseIdentity:
        training = self.grid.training
        return PhaseIdentity(
            role=role,
            tasks=tasks,
            lr=float(setting[f"{role}.lr"]),
            epochs=int(setting[f"{role}.epochs"]),
            batch=training.batch,
            seed=seed,
            schedule=training.schedule,
            warmup=training.warmup,
            decay=training.decay,
            weight_decay=training.weight_decay,
            clip=training.clip,
            carry_heads=training.carry_heads,
            attention_dropout=training.attention_dropout,
            precision=training.precision,
            mixing=mixing or Mixing(cap=0),
            adapter=Adapter(**training.adapter.model_dump()) if training.adapter else None,
        )

    def intermediate_uses(self, intermediate: Intermediate) -> tuple[TaskUse, ...]:
        """The tasks of an intermediate setting, as its phase learns them."""
        languages = intermediate.languages or ()
        parts = zip(intermediate.tasks, intermediate.budgets, strict=True)
        return tuple(self._use(task, languages, examples) for task, examples in parts)

    def _use(self, task: str, languages: tuple[str, ...] = (), examples: int = 0) -> TaskUse:
        """A task as a phase learns it: in all of its training languages, or some of them, and all of it, or a part."""
        place = (task, languages, examples)
        if place not in self._uses:
            self._uses[place] = self._new_use(*place)
        return self._uses[place]

    def _new_use(self, task: str, languages: tuple[str, ...], examples: int) -> TaskUse:
        row = self._row(task)
        learned = learned_languages(row, languages)
        return TaskUse(
            task=task,
            version=row.version,
            head=head_name(row),
            data=self.digests[train_key(row, learned)],
            max_length=row.encoding.max_length,
            stride=row.encoding.stride,
            languages=learned,
            examples=examples,
        )

    def _measured(self, study: StudySpec) -> tuple[_Evaluations, _Evaluations]:
        """What the chains of a study are chosen by, and what they are evaluated on."""
        place = (study.group, study.intermediate.tasks, study.targets)
        if place not in self._known:
            self._known[place] = self._selection(study), tuple(self._evaluation(task) for task in study.targets)
        return self._known[place]

    def _selection(self, study: StudySpec) -> tuple[EvaluationIdentity, ...]:
        """English dev of the target's training row; for retrieval, of the intermediate tasks; else nothing."""
        trained = self._row(study.group).trained
        tasks = (study.group,) if trained else study.intermediate.tasks
        return tuple(self._measure(task, Split.DEV, (ENGLISH,), f"{task}/dev") for task in tasks)

    def _evaluation(self, task: str) -> EvaluationIdentity:
        row = self._row(task)
        split = row.scored_on
        measured = self._measure(task, split, row.languages, f"{task}/scored")
        if row.kind is not Kind.RETRIEVAL:
            return measured
        return replace(measured, layer=self.grid.retrieval.layer, pooling=self.grid.retrieval.pooling)

    def _measure(self, task: str, split: str, languages: tuple[str, ...], key: str) -> EvaluationIdentity:
        row = self._row(task)
        return EvaluationIdentity(
            task=task,
            version=row.version,
            split=str(split),
            languages=languages,
            data=self.digests[key],
            max_length=row.encoding.max_length,
            stride=row.encoding.stride,
        )
