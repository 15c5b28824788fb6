"""The same tasks over the mini world: made by the project, a few languages, files in XTREME's layout.

Each row is the real one with the mini world's languages and short sequences, so that a demonstration and the tests run through
the readers, heads and metrics of the real tasks. Every test file carries gold.
"""

from __future__ import annotations

from dataclasses import replace

from training.tasks.intermediate_rows import HELLASWAG, MNLI, SQUAD_V1
from training.tasks.row import Encoding, Kind, Split, TaskRow
from training.tasks.xtreme_rows import PANX, TATOEBA, UDPOS, XCOPA, XNLI, XQUAD
from training.world.languages import LANGUAGES

_SHORT = Encoding(max_length=64)
_LONG = Encoding(max_length=128, stride=32)


def _mini(row: TaskRow, *, languages: tuple[str, ...] = LANGUAGES, encoding: Encoding = _SHORT, train_on: str = "") -> TaskRow:
    return replace(
        row,
        name=f"mini_{row.name.removesuffix('_v1')}",
        languages=languages,
        encoding=encoding,
        train_on=train_on,
        synthetic=True,
        licence="this project's",
        source="the mini world, generated from a seed",
        citation="",
    )


_EN = ("en",)
_HELLASWAG_FILES = {"train": "hellaswag/train.jsonl", "dev": "hellaswag/val.jsonl"}

MINI_MLM = TaskRow(
    name="mini_mlm",
    kind=Kind.MLM,
    reader="text_lines",
    files={"train": "corpus/train.txt", "dev": "corpus/dev-{lang}.txt"},
    languages=LANGUAGES,
    metric="mlm_accuracy",
    head="mlm",
    scored_on=Split.DEV,
    encoding=_SHORT,
    synthetic=True,
    licence="this project's",
    source="the mini world, generated from a seed",
)
MINI_NLI = replace(_mini(MNLI, languages=_EN), name="mini_nli")
MINI_HELLASWAG = replace(_mini(HELLASWAG, languages=_EN), files=_HELLASWAG_FILES, labels=())
MINI_SQUAD = _mini(SQUAD_V1, languages=_EN, encoding=_LONG)
MINI_XNLI = replace(_mini(XNLI, train_on="mini_nli"), scored_on=Split.TEST)
MINI_XCOPA = _mini(XCOPA)
MINI_UDPOS = _mini(UDPOS)
MINI_PANX = replace(_mini(PANX), scored_on=Split.TEST)
MINI_XQUAD = _mini(XQUAD, encoding=_LONG, train_on="mini_squad")
MINI_TATOEBA = _mini(TATOEBA, languages=tuple(language for language in LANGUAGES if language != "en"))

MINI_ROWS = (
    MINI_MLM,
    MINI_NLI,
    MINI_HELLASWAG,
    MINI_SQUAD,
    MINI_XNLI,
    MINI_XCOPA,
    MINI_UDPOS,
    MINI_PANX,
    MINI_XQUAD,
    MINI_TATOEBA,
)
