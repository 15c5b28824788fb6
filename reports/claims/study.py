"""The seven claims of the study (arXiv 2005.13013 v2), as what has to be compared to judge them.

A claim is a list of *questions*; it holds where all of its questions do. A question compares intermediate tasks over targets,
and holds where at least `needed` of its contrasts do. An intermediate task is named by the set of tasks that it trains on,
since what a grid calls it is the user's choice.

Deltas count from `least` points, the smallest effect of interest: a gain is one whose interval lies above `floor` and which is
`least` or more; that there is none is shown by an interval below `least`, never by an interval that holds 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

VERSION = "arXiv 2005.13013 v2"
STATED, RECALLED = "published", "recalled, not checked"
Tasks = frozenset[str]
NONE: Tasks = frozenset()

NINE = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba")
SINGLES = ("anli_plus", "mnli", "qqp", "squad_v2", "squad_v1", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
MULTI = frozenset(("anli_plus", "qqp", "squad_v2", "hellaswag", "ccg", "cosmosqa", "commonsenseqa"))
"""All nine together: MNLI and SQuAD v1.1 are parts of ANLI+ and of SQuAD v2.0."""
MLM = "xtreme_mlm"
TRANSLATED = {"mnli": "xnli_all", "squad_v1": "squad_v1_translated", "pawsx": "pawsx_translated"}
"""A task to its training data in other languages."""
MODEL = "xlm-roberta-large"
"""How the source of the study's model ends."""
POINT = 1.0
"""The smallest effect of interest in points, declared here."""
DRAMATIC = 10.0
"""What "dramatically" is taken for, in points."""


@dataclass(frozen=True)
class Published:
    """A number of the study in points, and how far it can be trusted."""

    value: float
    trust: str = STATED


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """`mine` minus `other` (nothing: no intermediate task), averaged over `targets`."""

    mine: Tasks
    targets: tuple[str, ...]
    other: Tasks = NONE
    published: Published | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """At least `needed` contrasts are gains; or, where `gain` is false, at least `needed` are none.

    With `those_there`, contrasts between intermediate tasks that a grid does not have are left out and all others are needed.
    """

    asks: str
    contrasts: tuple[Contrast, ...]
    needed: int
    gain: bool = True
    floor: float = 0.0
    least: float = POINT
    those_there: bool = False


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One row of the study's claims. `kind` is `questions`, `best` (the best chain of each target) or `set-up`."""

    number: int
    says: str
    kind: str = "questions"
    questions: tuple[Question, ...] = field(default=())
    note: str = ""


_DELTAS: Mapping[str, Mapping[str, float]] = {
    "mnli": {"xnli": -1.2, "tydiqa": -1.3, "bucc2018": 20.0, "tatoeba": 48.8},
    "qqp": {"xnli": -4.4, "tydiqa": -10.65, "bucc2018": 17.1, "tatoeba": 49.5},
    "squad_v2": {"xnli": -1.6, "tydiqa": 10.85, "bucc2018": 19.3, "tatoeba": 43.4},
}
"""Dev deltas of the study, recalled; TyDiQA's are the means of F1 and exact match."""


def _each(target: str) -> tuple[Contrast, ...]:
    """Every single intermediate task on one target."""
    known = {task: deltas[target] for task, deltas in _DELTAS.items()}
    return tuple(
        Contrast(
            mine=frozenset((task,)),
            targets=(target,),
            published=Published(known[task], RECALLED) if task in known else None,
        )
        for task in SINGLES
    )


def _on_average(task: str, value: float) -> Contrast:
    return Contrast(mine=frozenset((task,)), targets=NINE, published=Published(value))


CLAIMS = (
    Claim(
        number=1,
        says="SQuAD, MNLI and HellaSwag, each as the only intermediate task, improve the average over targets (dev).",
        note="SQuAD is taken for v2.0, whose recalled deltas have the published average.",
        questions=(
            Question(
                asks="each of the three improves the average over XTREME's nine targets",
                contrasts=(_on_average("squad_v2", 8.2), _on_average("mnli", 7.5), _on_average("hellaswag", 7.0)),
                needed=3,
            ),
        ),
    ),
    Claim(
        number=2,
        says="Multi-task training on all nine intermediate tasks is best.",
        questions=(
            Question(
                asks="all nine together improve the average over targets",
                contrasts=(Contrast(mine=MULTI, targets=NINE, published=Published(8.7)),),
                needed=1,
            ),
            Question(
                asks="all nine together are above each of them alone",
                contrasts=tuple(Contrast(mine=MULTI, other=frozenset((task,)), targets=NINE) for task in SINGLES),
                needed=len(SINGLES),
                least=0.0,
            ),
        ),
    ),
    Claim(
        number=3,
        says="BUCC and Tatoeba improve dramatically with almost every intermediate task.",
        note=f"dramatically: by more than {DRAMATIC:g} points; almost every: all but one of the nine.",
        questions=tuple(
            Question(
                asks=f"{target} improves by more than {DRAMATIC:g} points with all but one of the nine",
                contrasts=_each(target),
                needed=len(SINGLES) - 1,
                floor=DRAMATIC,
                least=DRAMATIC,
            )
            for target in ("bucc2018", "tatoeba")
        ),
    ),
    Claim(
        number=4,
        says="TyDiQA improves consistently with many intermediate tasks; XNLI does not benefit.",
        note=f"many: more than half of the nine; no benefit: less than {POINT:g} point with every one.",
        questions=(
            Question(asks="TyDiQA improves with more than half of the nine", contrasts=_each("tydiqa"), needed=5),
            Question(
                asks=f"XNLI gains less than {POINT:g} point with every one of the nine",
                contrasts=_each("xnli"),
                needed=len(SINGLES),
                gain=False,
            ),
        ),
    ),
    Claim(
        number=5,
        says="The best model of each target improves XTREME's average over the model without intermediate training (test).",
        kind="best",
        note="best: by English dev; where a target has none, the intermediate task that is best on the others' English dev.",
    ),
    Claim(
        number=6,
        says="English intermediate training beats adding multilingual masked language modelling, and machine-translated data.",
        questions=(
            Question(
                asks="without masked language modelling beside it, an intermediate task is better",
                contrasts=tuple(
                    Contrast(mine=tasks, other=tasks | {MLM}, targets=NINE)
                    for tasks in (frozenset(("mnli",)), *(frozenset((task,)) for task in SINGLES if task != "mnli"), MULTI)
                ),
                needed=0,
                least=0.0,
                those_there=True,
            ),
            Question(
                asks="an intermediate task in English is better than its translations",
                contrasts=tuple(
                    Contrast(mine=frozenset((task,)), other=frozenset((other,)), targets=NINE)
                    for task, other in TRANSLATED.items()
                ),
                needed=0,
                least=0.0,
                those_there=True,
            ),
        ),
    ),
    Claim(
        number=7,
        says="The set-up: XLM-R Large, an intermediate phase (one task or several), then the target task.",
        kind="set-up",
        note="what was run, not what was found: it does not count for the exit code.",
    ),
)
BEST = Published(5.4)
"""Claim 5's difference."""
