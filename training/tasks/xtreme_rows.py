"""Targets of XTREME (and XCOPA of XTREME-R), files as in XTREME's download layout after its preprocessing.

XTREME's preprocessing takes the gold out of the test files of XNLI, PAWS-X, PAN-X, UD-POS, MLQA and TyDiQA. Rows whose dev
files carry gold in every language are scored on dev, as in the study; UD-POS has no dev in four languages (kk th tl yo), and
TyDiQA-GoldP only in English's train file, so these are scored on test files with their gold put back, as XTREME scores them.
"""

from __future__ import annotations

from dataclasses import replace

from training.tasks.intermediate_rows import MNLI, SQUAD_V1
from training.tasks.row import Kind, Split, TaskRow

UPOS = tuple("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
IOB2 = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")

_XNLI = "en ar bg de el es fr hi ru sw th tr ur vi zh"
_PAWSX = "en de es fr ja ko zh"
_UDPOS = "en af ar bg de el es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"
_PANX = (
    "en af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi yo zh"
)
_XQUAD = "en ar de el es hi ru th tr vi zh"
_MLQA = "en ar de es hi vi zh"
_TYDIQA = "en ar bn fi id ko ru sw te"
_TATOEBA = tuple(language for language in _PANX.split() if language not in ("en", "ms", "my", "yo"))
_XCOPA = "et ht id it qu sw ta th tr vi zh"


def _by_split(folder: str, extension: str, **names: str) -> dict[str, str]:
    return {split: f"{folder}/{name}-{{lang}}.{extension}" for split, name in names.items()}


XNLI = replace(
    MNLI,
    name="xnli",
    files=_by_split("xnli", "tsv", dev="dev", test="test"),
    languages=tuple(_XNLI.split()),
    train_on="mnli",
    intermediate=False,
    target=True,
    licence="CC BY-NC 4.0",
    source="XNLI 1.0 as XTREME distributes it",
    citation="Conneau et al. 2018, arXiv 1809.05053",
)

PAWSX = TaskRow(
    name="pawsx",
    kind=Kind.CLASSIFICATION,
    reader="sentence_pair_tsv",
    files=_by_split("pawsx", "tsv", train="train", dev="dev", test="test"),
    languages=tuple(_PAWSX.split()),
    metric="accuracy",
    labels=("0", "1"),
    head="paraphrase2",
    scored_on=Split.DEV,
    target=True,
    licence="free use, attribution asked for",
    source="PAWS-X as XTREME distributes it",
    citation="Yang et al. 2019, arXiv 1908.11828",
)

UDPOS = TaskRow(
    name="udpos",
    kind=Kind.TAGGING,
    reader="tagged_tsv",
    files=_by_split("udpos", "tsv", train="train", dev="dev", test="test"),
    languages=tuple(_UDPOS.split()),
    metric="tag_f1",
    labels=UPOS,
    head="upos17",
    target=True,
    licence="by treebank: CC BY-SA, CC BY-NC-SA, LGPL-LR, GPL",
    source="Universal Dependencies 2.5 through XTREME's preprocessing",
    citation="Nivre et al. 2020, arXiv 2004.10643",
)

PANX = replace(
    UDPOS,
    name="panx",
    files=_by_split("panx", "tsv", train="train", dev="dev", test="test"),
    languages=tuple(_PANX.split()),
    metric="span_f1",
    labels=IOB2,
    head="iob2_ner3",
    scored_on=Split.DEV,
    licence="none stated; derived from Wikipedia",
    source="WikiAnn, balanced splits, as XTREME distributes it",
    citation="Pan et al. 2017; Rahimi et al. 2019, arXiv 1902.00193",
)

XQUAD = replace(
    SQUAD_V1,
    name="xquad",
    files={"test": "xquad/xquad.{lang}.json"},
    languages=tuple(_XQUAD.split()),
    train_on="squad_v1",
    scored_on=Split.TEST,
    intermediate=False,
    target=True,
    source="github.com/deepmind/xquad",
    citation="Artetxe et al. 2020, arXiv 1910.11856",
)

MLQA = replace(
    XQUAD,
    name="mlqa",
    files={split: f"mlqa/MLQA_V1/{split}/{split}-context-{{lang}}-question-{{lang}}.json" for split in ("dev", "test")},
    languages=tuple(_MLQA.split()),
    metric="mlqa",
    scored_on=Split.DEV,
    licence="CC BY-SA 3.0",
    source="github.com/facebookresearch/MLQA, version 1",
    citation="Lewis et al. 2020, arXiv 1910.07475",
)

TYDIQA = replace(
    XQUAD,
    name="tydiqa",
    # Google's dev files are XTREME's test set: English dev data has to be carved from the train file.
    files={s: f"tydiqa/tydiqa-goldp-v1.1-{n}/tydiqa.goldp.{{lang}}.{n}.json" for s, n in (("train", "train"), ("test", "dev"))},
    languages=tuple(_TYDIQA.split()),
    train_on="",
    licence="Apache-2.0",
    source="TyDiQA-GoldP 1.1, by language, as XTREME distributes it",
    citation="Clark et al. 2020, arXiv 2003.05002",
)

TATOEBA = TaskRow(
    name="tatoeba",
    kind=Kind.RETRIEVAL,
    reader="tatoeba_lines",
    # The English side and the gold are found from this path: `{lang}-en.en` and `labels/test-{lang}.tsv`.
    files={"test": "tatoeba/{lang}-en.{lang}"},
    languages=_TATOEBA,
    metric="retrieval_accuracy",
    target=True,
    licence="CC BY 2.0 FR",
    source="LASER's Tatoeba sets as XTREME distributes them (English side sorted)",
    citation="Artetxe and Schwenk 2019, arXiv 1812.10464",
)

XCOPA = TaskRow(
    name="xcopa",
    kind=Kind.CHOICE,
    reader="copa_jsonl",
    files=_by_split("xcopa", "jsonl", train="train", dev="val", test="test"),
    languages=tuple(_XCOPA.split()),
    metric="accuracy",
    labels=("0", "1"),
    head="copa",
    target=True,
    licence="CC BY 4.0",
    source="github.com/cambridgeltl/xcopa, whose test files carry gold (XTREME-R's have every label 0)",
    citation="Ponti et al. 2020, arXiv 2005.00333",
)

XTREME_ROWS = (XNLI, PAWSX, UDPOS, PANX, XQUAD, MLQA, TYDIQA, TATOEBA, XCOPA)
