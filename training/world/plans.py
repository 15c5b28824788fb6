"""What the further tasks are: how many examples, of what, in which files. One plan a task; `further` carries them out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from training.world import choice_formats, pair_formats, span_formats
from training.world.choices import Choice
from training.world.commonsense import Riddle, Story, before_and_after, riddles, stories
from training.world.dice import Dice
from training.world.inference import LABELS, Inference, inferences
from training.world.meaning import Author, Event
from training.world.paraphrase import Pair, duplicates, paraphrases
from training.world.reading import Passage, passages
from training.world.render import Speaker
from training.world.unanswerable import Puzzle, puzzles

T = TypeVar("T")
Writer = Callable[[Sequence[T], Speaker, str, Dice, str], str]
"""Examples, speaker, language, dice for the wording, split: the content of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[T]):
    """One task: `counts` and `files` by split; a path with {lang} is written in every language, for training in English alone.

    `label` names an example's class, so that each of the `labels` classes comes as often as the others. The examples of a task
    that is not `parallel` differ from language to language.
    """

    name: str
    counts: Mapping[str, int]
    files: Mapping[str, str]
    make: Callable[[Author, int], list[T]]
    events: Callable[[T], Iterable[Event]]
    write: Writer[T]
    label: Callable[[T], Hashable] = field(default=lambda _: None)
    labels: int = 1
    parallel: bool = True


def _anli(name: str, sentences: int) -> Plan[tuple[tuple[Event, ...], Inference]]:
    """A round of ANLI: NLI whose premise stands among `sentences` others."""

    def make(author: Author, count: int) -> list[tuple[tuple[Event, ...], Inference]]:
        return [(_among(author, item.premise, sentences), item) for item in inferences(author, count)]

    return Plan(
        name=f"anli/{name}",
        counts={"train": 300, "dev": 60, "test": 60},
        files={split: f"anli/{name}_{split}.jsonl" for split in ("train", "dev", "test")},
        make=make,
        events=lambda item: (*item[0], item[1].hypothesis),
        label=lambda item: item[1].label,
        labels=len(LABELS),
        write=pair_formats.anli,
    )


def _among(author: Author, premise: Event, others: int) -> tuple[Event, ...]:
    return tuple(author.dice.shuffled([premise, *(author.new_event() for _ in range(others))]))


def _each(folder: str, extension: str = "tsv") -> dict[str, str]:
    return {split: f"{folder}/{split}-{{lang}}.{extension}" for split in ("train", "dev", "test")}


SNLI: Plan[Inference] = Plan(
    name="snli",
    counts={"train": 600, "dev": 100, "test": 100},
    files={split: f"snli_1.0/snli_1.0_{split}.jsonl" for split in ("train", "dev", "test")},
    make=inferences,
    events=lambda item: (item.premise, item.hypothesis),
    label=lambda item: item.label,
    labels=len(LABELS),
    write=pair_formats.snli,
)
QQP: Plan[Pair] = Plan(
    name="qqp",
    counts={"train": 1200, "dev": 120, "test": 120},
    files={split: f"qqp/{split}.tsv" for split in ("train", "dev", "test")},
    make=duplicates,
    events=lambda item: item.events,
    label=lambda item: item.same,
    labels=2,
    write=pair_formats.qqp,
)
PAWSX: Plan[Pair] = Plan(
    name="pawsx",
    counts={"train": 1500, "dev": 100, "test": 120},
    files=_each("pawsx"),
    make=paraphrases,
    events=lambda item: item.events,
    label=lambda item: item.same,
    labels=2,
    write=pair_formats.pawsx,
)
CCG: Plan[Event] = Plan(
    name="ccg",
    counts={"train": 900, "dev": 80},
    files={split: f"ccg/{split}.tsv" for split in ("train", "dev")},
    make=Author.new_events,
    events=lambda event: (event,),
    write=pair_formats.supertagged,
)
COSMOSQA: Plan[Story] = Plan(
    name="cosmosqa",
    counts={"train": 1200, "dev": 120},
    files={"train": "cosmosqa/train.csv", "dev": "cosmosqa/valid.csv"},
    make=stories,
    events=lambda item: item.events,
    label=lambda item: item.label,
    labels=4,
    write=choice_formats.cosmosqa,
)
COMMONSENSEQA: Plan[Riddle] = Plan(
    name="commonsenseqa",
    counts={"train": 800, "dev": 120},
    files={"train": "commonsenseqa/train_rand_split.jsonl", "dev": "commonsenseqa/dev_rand_split.jsonl"},
    make=riddles,
    events=lambda item: (item.event,),
    label=lambda item: item.label,
    labels=5,
    write=choice_formats.commonsenseqa,
)
SIQA: Plan[Choice] = Plan(
    name="siqa",
    counts={"train": 800, "dev": 120, "test": 120},
    files={split: f"siqa/socialIQa_v1.4_{name}.jsonl" for split, name in (("train", "trn"), ("dev", "dev"), ("test", "tst"))},
    make=before_and_after,
    events=lambda item: (item.premise, *item.endings),
    label=lambda item: item.label,
    labels=3,
    write=choice_formats.socialiqa,
)
SQUAD_V2: Plan[Puzzle] = Plan(
    name="squad_v2",
    counts={"train": 1000, "dev": 75},
    files={"train": "squad/train-v2.0.json", "dev": "squad/dev-v2.0.json"},
    make=puzzles,
    events=lambda item: item.events,
    write=span_formats.squad_v2,
)
MLQA: Plan[Passage] = Plan(
    name="mlqa",
    counts={"dev": 40, "test": 60},
    files={split: f"mlqa/MLQA_V1/{split}/{split}-context-{{lang}}-question-{{lang}}.json" for split in ("dev", "test")},
    make=passages,
    events=lambda text: text.events,
    write=span_formats.mlqa,
)
TYDIQA: Plan[Passage] = Plan(
    name="tydiqa",
    counts={"train": 800, "test": 100},
    files={
        split: f"tydiqa/tydiqa-goldp-v1.1-{name}/tydiqa.goldp.{{lang}}.{name}.json"
        for split, name in (("train", "train"), ("test", "dev"))
    },
    make=lambda author, count: passages(author, count, questions=1, sentences=(2, 3)),
    events=lambda text: text.events,
    write=span_formats.tydiqa,
    parallel=False,
)
LAREQA: Plan[Passage] = Plan(
    name="lareqa",
    counts={"test": 50},
    files={"test": "lareqa/xquad-r/{lang}.json"},
    make=lambda author, count: passages(author, count, sentences=(2, 2)),
    events=lambda text: text.events,
    write=span_formats.xquad_r,
)
PLANS: tuple[Plan[Any], ...] = (
    _anli("R1", 1),
    _anli("R2", 2),
    _anli("R3", 2),
    SNLI,
    QQP,
    PAWSX,
    CCG,
    COSMOSQA,
    COMMONSENSEQA,
    SIQA,
    SQUAD_V2,
    MLQA,
    TYDIQA,
    LAREQA,
)
