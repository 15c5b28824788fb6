"""The same tasks over the mini world: made by the project, a few languages, files in the real tasks' layouts.

Each row is the real one with the mini world's languages and short sequences, so that a demonstration and the tests run through
the readers, heads and metrics of the real tasks. Every test file carries gold. XTREME-R's rows of more languages (`_xr`) read
the same files as XTREME's, since the world has one set of languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from training.tasks.choice_rows import COMMONSENSEQA, COSMOSQA, HELLASWAG, SIQA
from training.tasks.intermediate_rows import CCG, MNLI, QQP, SQUAD_V1, SQUAD_V2
from training.tasks.nli_rows import ANLI_PLUS, ANLI_R1, ANLI_R2, ANLI_R3, SNLI
from training.tasks.retrieval_rows import BUCC2018, LAREQA, MEWSLIX
from training.tasks.row import Encoding, Kind, Split, TaskRow
from training.tasks.translated_rows import PAWSX_TRANSLATED, SQUAD_V1_TRANSLATED, XNLI_ALL, XTREME_MLM
from training.tasks.xtreme_r_rows import PANX_XR, TATOEBA_XR, UDPOS_XR, XQUAD_XR
from training.tasks.xtreme_rows import MLQA, PANX, PAWSX, TATOEBA, TYDIQA, UDPOS, XCOPA, XNLI, XQUAD
from training.world.languages import LANGUAGES

_SHORT = Encoding(max_length=64)
_LONG = Encoding(max_length=128, stride=32)
_EN = ("en",)
_OTHERS = tuple(language for language in LANGUAGES if language != "en")
_LICENCE, _SOURCE = "this project's", "the mini world, generated from a seed"


def _mini(
    row: TaskRow,
    *,
    languages: tuple[str, ...] = LANGUAGES,
    encoding: Encoding = _SHORT,
    train_on: str = "",
    train_first: str = "",
    train_languages: tuple[str, ...] = _EN,
    parts: tuple[TaskRow, ...] = (),
    files: Mapping[str, str] | None = None,
    scored_on: Split | None = None,
) -> TaskRow:
    return replace(
        row,
        name=f"mini_{row.name.replace('_v1', '').replace('mnli', 'nli')}",
        languages=languages,
        encoding=encoding,
        train_on=train_on,
        train_first=train_first,
        train_languages=train_languages,
        parts=parts,
        files=row.files if files is None else files,
        scored_on=scored_on or row.scored_on,
        hub=None,
        counts={},
        synthetic=True,
        licence=_LICENCE,
        source=_SOURCE,
        citation="",
    )


_HELLASWAG_FILES = {"train": "hellaswag/train.jsonl", "dev": "hellaswag/val.jsonl"}
_RIDDLE_FILES = {split: path for split, path in COMMONSENSEQA.files.items() if split != Split.TEST}

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
    licence=_LICENCE,
    source=_SOURCE,
)
MINI_MLM_ENGLISH = replace(
    MINI_MLM, name="mini_mlm_english", files={**MINI_MLM.files, "train": "corpus/english.txt"}, train_languages=_EN
)
MINI_XTREME_MLM = _mini(XTREME_MLM, train_languages=LANGUAGES, files={**XTREME_MLM.files, "dev": "corpus/dev-{lang}.txt"})

MINI_NLI = _mini(MNLI, languages=_EN)
MINI_SNLI, MINI_ANLI_R1, MINI_ANLI_R2, MINI_ANLI_R3 = (_mini(row, languages=_EN) for row in (SNLI, ANLI_R1, ANLI_R2, ANLI_R3))
MINI_ANLI_PLUS = _mini(ANLI_PLUS, languages=_EN, parts=(MINI_ANLI_R1, MINI_ANLI_R2, MINI_ANLI_R3, MINI_NLI, MINI_SNLI))
MINI_QQP = _mini(QQP, languages=_EN)
MINI_SQUAD = _mini(SQUAD_V1, languages=_EN, encoding=_LONG)
MINI_SQUAD_V2 = _mini(SQUAD_V2, languages=_EN, encoding=_LONG)
MINI_HELLASWAG = replace(_mini(HELLASWAG, languages=_EN, files=_HELLASWAG_FILES), labels=())
MINI_CCG = _mini(CCG, languages=_EN)
MINI_COSMOSQA = _mini(COSMOSQA, languages=_EN)
MINI_COMMONSENSEQA = _mini(COMMONSENSEQA, languages=_EN, files=_RIDDLE_FILES)
MINI_SIQA = _mini(SIQA, languages=_EN)
MINI_XNLI_ALL = _mini(XNLI_ALL, train_languages=LANGUAGES)
MINI_SQUAD_TRANSLATED = _mini(SQUAD_V1_TRANSLATED, languages=_OTHERS, encoding=_LONG, train_languages=_OTHERS)
MINI_PAWSX_TRANSLATED = _mini(PAWSX_TRANSLATED, languages=_OTHERS, train_languages=_OTHERS)

MINI_XNLI = _mini(XNLI, train_on="mini_nli", scored_on=Split.TEST)
MINI_PAWSX = _mini(PAWSX, scored_on=Split.TEST)
MINI_UDPOS = _mini(UDPOS)
MINI_PANX = _mini(PANX, scored_on=Split.TEST)
MINI_XQUAD = _mini(XQUAD, encoding=_LONG, train_on="mini_squad")
# MLQA's own metric knows the articles of its seven languages alone; here every question is in every language.
_MINI_MLQA = _mini(MLQA, encoding=_LONG, train_on="mini_squad", scored_on=Split.TEST)
MINI_MLQA = replace(_MINI_MLQA, metric=XQUAD.metric, parallel=True)
MINI_TYDIQA = _mini(TYDIQA, encoding=_LONG)
MINI_BUCC2018 = _mini(BUCC2018, languages=_OTHERS, scored_on=Split.TEST)
MINI_TATOEBA = _mini(TATOEBA, languages=_OTHERS)

MINI_XCOPA = _mini(XCOPA)
MINI_XCOPA_XR = replace(_mini(XCOPA, train_first="mini_siqa"), name="mini_xcopa_xr", intermediate=False)
MINI_UDPOS_XR = _mini(UDPOS_XR, train_on="mini_udpos")
MINI_PANX_XR = _mini(PANX_XR, train_on="mini_panx", scored_on=Split.TEST)
MINI_XQUAD_XR = _mini(XQUAD_XR, encoding=_LONG, train_on="mini_squad")
MINI_TATOEBA_XR = _mini(TATOEBA_XR, languages=_OTHERS)
MINI_LAREQA = _mini(LAREQA, encoding=_LONG, train_on="mini_squad")
MINI_MEWSLIX = _mini(MEWSLIX)

MINI_ROWS = (
    MINI_MLM,
    MINI_MLM_ENGLISH,
    MINI_XTREME_MLM,
    MINI_NLI,
    MINI_SNLI,
    MINI_ANLI_R1,
    MINI_ANLI_R2,
    MINI_ANLI_R3,
    MINI_ANLI_PLUS,
    MINI_QQP,
    MINI_SQUAD,
    MINI_SQUAD_V2,
    MINI_HELLASWAG,
    MINI_CCG,
    MINI_COSMOSQA,
    MINI_COMMONSENSEQA,
    MINI_SIQA,
    MINI_XNLI_ALL,
    MINI_SQUAD_TRANSLATED,
    MINI_PAWSX_TRANSLATED,
    MINI_XNLI,
    MINI_PAWSX,
    MINI_UDPOS,
    MINI_PANX,
    MINI_XQUAD,
    MINI_MLQA,
    MINI_TYDIQA,
    MINI_BUCC2018,
    MINI_TATOEBA,
    MINI_XCOPA,
    MINI_XCOPA_XR,
    MINI_UDPOS_XR,
    MINI_PANX_XR,
    MINI_XQUAD_XR,
    MINI_TATOEBA_XR,
    MINI_LAREQA,
    MINI_MEWSLIX,
)
