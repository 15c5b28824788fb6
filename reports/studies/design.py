"""What a study varies: facts of a grid's models and intermediate settings that an analysis asks for, besides their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """A model of the grid: `parameters` counts all of them (0: not known), `family` is one of `training.models.family`.

    `pretraining` is `multilingual` or `english`: what phase 0 saw, as the grid says. `group` is the grid's own label, or empty.
    """

    name: str
    family: str = "encoder"
    parameters: int = 0
    pretraining: str = "multilingual"
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class IntermediateFacts:
    """An intermediate setting: its tasks in order (none: the baseline), their kinds, and the languages of its training data.

    `examples` is how many different training examples the phase has (0: not known), `budget` how many the grid asked for (0:
    all there are). `series` is what the grid calls the settings that differ in size alone, or belong to one random order of
    tasks.
    """

    name: str
    tasks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    examples: int = 0
    budget: int = 0
    series: str = ""


@dataclass(frozen=True, kw_only=True)
class Design:
    """A grid as a study: the question's name (`dataset_size` ...) and what is known of its models and intermediate settings.

    `groups` puts languages into groups of the user's own; where it is empty, they are grouped by their resources.
    """

    study: str
    models: Mapping[str, ModelFacts] = field(default_factory=dict)
    intermediates: Mapping[str, IntermediateFacts] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
