"""What a grid may say.

* A grid is models x intermediates x targets x seeds, with the search space, the tuning budget and the resources of a trial.
* Every key has a type, a range and a description; unknown keys are refused. Rules that need the task rows are in `checks`.
* What decides a result stands under `models` to `retrieval`; `resources` changes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from search_spaces.intermediates import NONE as NONE
from search_spaces.intermediates import Intermediate as Intermediate
from search_spaces.intermediates import PhaseSpace as PhaseSpace
from search_spaces.intermediates import as_intermediate
from search_spaces.resources import Resources
from search_spaces.series import spread
from search_spaces.sources import SourceKind, source_kind
from search_spaces.values import (
    Amount,
    Count,
    Epochs,
    GridSplit,
    Label,
    LearningRate,
    Name,
    Part,
    Positive,
    ScoredSplit,
    Seed,
    Several,
    Share,
)
from training.tasks.row import TaskRow

Study = Literal["dataset_size", "multilingual_xnli", "model_scale", "task_diversity", "architecture"]
"""The questions that a report has an analysis for (`reports.studies`)."""


class Pretrain(Part):
    """Phase 0 trained by the sweep itself, by masked language modelling."""

    task: str
    """a task of kind masked_language_modelling"""
    lr: LearningRate = 1e-3
    """the learning rate, above 0 and at most 1"""
    epochs: Epochs = 3
    """passes over the data, a whole number from 1"""
    batch: Count = 32
    """examples an optimiser step, a whole number from 1"""
    seed: Seed = 0
    """a whole number from 0"""
    mask_rate: Share = 0.15
    """the share of tokens that are predicted, above 0 and below 1"""
    length_pool: Amount = 0
    """batches that are cut together from examples sorted by length, 0 for random batches"""


class ModelSpace(Part):
    """What is searched otherwise for one model; a key that is left out stays as it is."""

    intermediate: PhaseSpace | None = None
    """{lr, epochs} of the intermediate phase"""
    target: PhaseSpace | None = None
    """{lr, epochs} of the target phase"""


class Model(Part):
    """Where the weights of phase 0 come from."""

    source: Annotated[str, Field(min_length=1)]
    """mini_world[/<model>], a folder (starts with . / or ~), package:<python package>/<folder in it>, or a hub name org/name"""
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = ""
    """the commit of a hub name, 40 hex digits in quotes"""
    pretrain: Pretrain | None = None
    """{task, lr, epochs, batch, seed, mask_rate, length_pool}, only with mini_world or a folder"""
    pretraining: Literal["multilingual", "english"] | None = None
    """multilingual (or left out) or english: what phase 0 has seen; a label for a study, it changes nothing"""
    group: Label | None = None
    """a label of your own for a study, such as matched_size: letters, digits and _"""
    space: ModelSpace | None = None
    """{intermediate: {lr, epochs}, target: {lr, epochs}}: what differs for this model, whatever the setting or target"""

    @property
    def kind(self) -> SourceKind:
        """What `source` names."""
        return source_kind(self.source)

    @model_validator(mode="after")
    def _fits_its_source(self) -> Model:
        if self.kind is SourceKind.HUB and "/" in self.source and not self.revision:
            remedy = "add `revision`: the 40 hex digits of the commit that is meant, in quotes"
            raise PydanticCustomError("revision", "a hub name needs a `revision`, to stay the same", {"remedy": remedy})
        if self.kind is not SourceKind.HUB and self.revision:
            raise PydanticCustomError("revision", "only a hub name has a `revision`", {"remedy": "leave `revision` out"})
        if self.pretrain and self.kind not in (SourceKind.MINI_WORLD, SourceKind.FOLDER):
            remedy = "leave `pretrain` out, or start from mini_world or a folder"
            raise PydanticCustomError("pretrain", "published weights are a phase 0 already", {"remedy": remedy})
        return self


class Space(Part):
    """The search space. Few choices for the intermediate phase let trials share it."""

    intermediate: PhaseSpace = PhaseSpace()
    """{lr, epochs} of the intermediate phase"""
    target: PhaseSpace = PhaseSpace()
    """{lr, epochs} of the target phase"""
    targets: Mapping[str, PhaseSpace] = {}
    """{task: {lr, epochs}}: what differs for the target phase on this task's training data, for any of the grid's targets"""


class Stopping(Part):
    """Early stopping by English dev: of settings inside the target phase, and of settings before they get further seeds.

    It is the same for every pair and for the baseline, so the tuning budgets stay equal.
    """

    rungs: Several[Share] = (0.25, 0.5)
    """shares of the target phase after which settings are compared, above 0 and below 1, in rising order"""
    keep: Share = 0.34
    """the share of the compared settings that goes on, above 0 and below 1; always one at least"""
    seeds: Literal["all", "best"] = "best"
    """best (a setting gets its next seed while it can still win) or all"""
    margin: Annotated[float, Field(ge=0)] = 0.5
    """points of dev score: what is within so many of the best can still win, besides the share that goes on, from 0"""

    @model_validator(mode="after")
    def _rises(self) -> Stopping:
        if list(self.rungs) != sorted(self.rungs):
            raise PydanticCustomError("rungs", "`rungs` must rise", {"remedy": "write them from the smallest to the largest"})
        return self


class Search(Part):
    """The tuning budget of one pair, the same for every pair and for the baseline."""

    trials: Count = 1
    """settings a pair, a whole number from 1"""
    sampler: Literal["tpe", "random"] = "tpe"
    """tpe or random"""
    seed: Seed = 0
    """the sampler's seed, a whole number from 0"""
    at_once: Count = 1
    """settings a study asks for before it waits for their results, a whole number from 1"""
    space: Space = Space()
    """{intermediate: {lr, epochs}, target: {lr, epochs}, targets: {task: {lr, epochs}}}"""
    stopping: Stopping | None = None
    """{rungs, keep, seeds, margin}, or nothing to run every setting to its end with every seed"""


class Rank(Part):
    """Which intermediate settings are run for a target: the first so many by a signal that `sweep rank` has kept."""

    measure: Literal["similarity", "size", "logme", "h_score", "probe", "task_vector"]
    """similarity, size, logme, h_score, probe or task_vector, see docs/RANK.md"""
    keep: Count
    """the intermediate settings that are run for each target besides none, a whole number from 1"""


class Data(Part):
    """What a grid changes of one task's row; what is not given stays as the row says."""

    files: Mapping[GridSplit, Annotated[str, Field(min_length=1)]] = {}
    """{train, dev, test}: paths below the data folder, {lang} standing for a language"""
    carve_dev: Share | None = None
    """the share of the train file's groups held out as dev (instead of a dev file), above 0 and below 1"""
    caps: Mapping[GridSplit, Count] = {}
    """{train, dev, test}: the most examples a language, whole numbers from 1"""
    languages: Several[str] | None = None
    """a list of some of the task's languages"""
    scored_on: ScoredSplit | None = None
    """the split that is scored, dev or test"""
    max_length: Annotated[int, Field(ge=8, le=65_536)] | None = None
    """sub-word tokens with the special ones, a whole number from 8"""
    stride: Amount | None = None
    """tokens that neighbouring windows share, a whole number below max_length"""


class AdapterChoice(Part):
    """What intermediate and target phases train in place of the encoder's own weights, and merge into them at their end."""

    kind: Literal["lora"] = "lora"
    """lora: matrices of a low rank beside linear layers"""
    rank: Annotated[int, Field(ge=1, le=1024)] = 8
    """the rank of these matrices, a whole number from 1 to 1024"""
    alpha: Positive = 16.0
    """their weight is alpha / rank, above 0"""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """the dropout of their input, from 0 to below 1"""
    targets: Literal["attention", "all_linear"] = "attention"
    """attention (its linear layers) or all_linear (every linear layer of the encoder)"""


class Training(Part):
    """What is the same in every phase."""

    batch: Count = 32
    """examples an optimiser step, a whole number from 1"""
    schedule: Literal["linear", "wsd"] = "linear"
    """linear, or wsd (warm-up, stable, decay), with which settings that differ in epochs alone share most of a phase"""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """the share of the steps (with wsd: of one epoch's) that warm the learning rate up, from 0 to below 1"""
    decay: Share = 0.2
    """the share of the steps in which wsd's learning rate falls, above 0 and below 1"""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.01
    """AdamW's weight decay, from 0 to 1"""
    clip: Positive = 1.0
    """the largest norm of a gradient, above 0"""
    carry_heads: bool = True
    """whether a head that two phases share is carried over, true or false"""
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """the dropout of attention weights, from 0 to below 1; above 0 a GPU can't use its fastest attention"""
    precision: Literal["float32", "bfloat16"] = "float32"
    """the precision of forward and backward passes, float32 or bfloat16; weights are float32 in any case"""
    mixing_cap: Count = 131_072
    """the most examples that count when tasks are mixed in proportion, a whole number from 1"""
    adapter: AdapterChoice | None = None
    """{kind, rank, alpha, dropout, targets}, or nothing to train all weights; never in pretraining"""


class Retrieval(Part):
    """How a sentence becomes a vector."""

    layer: Amount | None = None
    """a layer from 0 (the embeddings), or null for round(14/24 x layers)"""
    pooling: Literal["mean", "cls"] = "mean"
    """mean or cls"""


class Grid(Part):
    """A whole grid; `load_grid` reads one."""

    name: Name
    """lower-case letters, digits and _, beginning with a letter, 64 characters at most"""
    about: Annotated[str, Field(max_length=200, pattern=r"^[^\n]*$")] = ""
    """one line of text, 200 characters at most"""
    models: Annotated[Mapping[Name, Model], Field(min_length=1)]
    """{name: {source, revision, pretrain, ...}}, one or more; a name has lower-case letters, digits and _"""
    study: Study | None = None
    """dataset_size, multilingual_xnli, model_scale, task_diversity or architecture: the question that the report answers"""
    intermediates: Annotated[Several[Annotated[Intermediate, BeforeValidator(as_intermediate)]], BeforeValidator(spread)]
    """a list of none, tasks, mixtures {name: [tasks]} or {name: {tasks, sampling, ...}}, and series, none of them twice"""
    targets: Several[str]
    """a list of target tasks, none of them twice"""
    seeds: Several[Seed] = (1,)
    """a list of whole numbers from 0, none of them twice"""
    data: Mapping[str, Data] = {}
    """{task: {files, carve_dev, caps, languages, scored_on, max_length, stride}}"""
    search: Search = Search()
    """{trials, sampler, seed, at_once, space}"""
    rank: Rank | None = None
    """{measure, keep}: only the first so many intermediate settings by a signal, for each target; or nothing to run all"""
    training: Training = Training()
    """{batch, schedule, warmup, decay, weight_decay, clip, carry_heads, attention_dropout, precision, mixing_cap, adapter}"""
    retrieval: Retrieval = Retrieval()
    """{layer, pooling}"""
    resources: Resources = Resources()
    """{executor, cpu, gpu, gpu_memory, device, micro_batch, ...}, none of which changes a result; all are in their own table"""

    _rows: Mapping[str, TaskRow] = PrivateAttr(default_factory=dict)

    @property
    def rows(self) -> Mapping[str, TaskRow]:
        """The rows of the tasks that this grid names, and of those that they learn from, by name."""
        return self._rows

    def with_rows(self, rows: Mapping[str, TaskRow]) -> Grid:
        """This grid with the rows of its tasks, taken from `rows`."""
        named = [task for intermediate in self.intermediates for task in intermediate.tasks]
        named += [*self.targets, *(model.pretrain.task for model in self.models.values() if model.pretrain)]
        kept: dict[str, TaskRow] = {}
        while named:
            row = rows[named.pop(0)]
            if row.name not in kept:
                kept[row.name] = row
                named += [name for name in (row.train_on, row.train_first) if name]
        grid = self.model_copy()
        grid._rows = kept
        return grid
