"""Targets of XTREME (and XCOPA of XTREME-R), files as in XTREME's download layout after its preprocessing.

XTREME's preprocessing takes the gold out of the test files of XNLI, PAWS-X, PAN-X, UD-POS, MLQA and TyDiQA. Rows whose dev
files carry gold in every language are scored on dev, as in the study; UD-POS has no dev in four languages (kk th tl yo), and
TyDiQA-GoldP only in English's train file, so these are scored on test files with their gold put back, as XTREME scores them.
"""

from __future__ import annotations

from dataclasses import replace

from training.tasks import languages
from training.tasks.intermediate_rows import MNLI, SQUAD_V1
from training.tasks.nli_rows import NLI_NAMES
from training.tasks.row import HubSource, Kind, Split, TaskRow

UPOS = tuple("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
IOB2 = ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")


def _by_split(folder: str, extension: str, **names: str) -> dict[str, str]:
    return {split: f"{folder}/{name}-{{lang}}.{extension}" for split, name in names.items()}


XNLI = replace(
    MNLI,
    name="xnli",
    parallel=True,
    files=_by_split("xnli", "tsv", dev="dev", test="test"),
    languages=languages.XNLI,
    train_on="mnli",
    intermediate=False,
    hub=HubSource(
        repository="facebook/xnli",
        config="{lang}",
        splits={"dev": "validation", "test": "test"},
        columns={"first": "premise", "second": "hypothesis", "label": "label"},
        label_names=NLI_NAMES,
    ),
    counts={"dev": 2_490, "test": 5_010},
    target=True,
    licence="CC BY-NC 4.0",
    source="XNLI 1.0 as XTREME distributes it",
    citation="Conneau et al. 2018, arXiv 1809.05053",
)

PAWSX = TaskRow(
    name="pawsx",
    parallel=True,
    kind=Kind.CLASSIFICATION,
    reader="sentence_pair_tsv",
    files=_by_split("pawsx", "tsv", train="train", dev="dev", test="test"),
    languages=languages.PAWSX,
    metric="accuracy",
    labels=("0", "1"),
    head="paraphrase2",
    scored_on=Split.DEV,
    intermediate=True,
    target=True,
    hub=HubSource(
        repository="google-research-datasets/paws-x",
        config="{lang}",
        splits={"train": "train", "dev": "validation", "test": "test"},
        columns={"first": "sentence1", "second": "sentence2", "label": "label"},
    ),
    counts={"train": 49_401, "dev": 2_000, "test": 2_000},
    licence="free use, attribution asked for",
    source="PAWS-X as XTREME distributes it",
    citation="Yang et al. 2019, arXiv 1908.11828",
)

UDPOS = TaskRow(
    name="udpos",
    kind=Kind.TAGGING,
    reader="tagged_tsv",
    files=_by_split("udpos", "tsv", train="train", dev="dev", test="test"),
    languages=languages.UDPOS,
    metric="tag_f1",
    labels=UPOS,
    head="upos17",
    intermediate=True,
    target=True,
    counts={"train": 21_253, "dev": 3_974, "test": 5_440},
    licence="by treebank: CC BY-SA, CC BY-NC-SA, LGPL-LR, GPL",
    source="Universal Dependencies 2.5 through XTREME's preprocessing",
    citation="Nivre et al. 2020, arXiv 2004.10643",
)

PANX = replace(
    UDPOS,
    name="panx",
    files=_by_split("panx", "tsv", train="train", dev="dev", test="test"),
    languages=languages.PANX,
    metric="span_f1",
    labels=IOB2,
    head="iob2_ner3",
    scored_on=Split.DEV,
    hub=HubSource(
        repository="unimelb-nlp/wikiann",
        config="{lang}",
        splits={"train": "train", "dev": "validation", "test": "test"},
        columns={"words": "tokens", "tags": "ner_tags"},
        label_names=dict(zip("0123456", ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"), strict=True)),
    ),
    counts={"train": 20_000, "dev": 10_000, "test": 10_000},
    licence="none stated; derived from Wikipedia",
    source="WikiAnn, balanced splits, as XTREME distributes it",
    citation="Pan et al. 2017; Rahimi et al. 2019, arXiv 1902.00193",
)

XQUAD = replace(
    SQUAD_V1,
    name="xquad",
    parallel=True,
    files={"test": "xquad/xquad.{lang}.json"},
    languages=languages.XQUAD,
    train_on="squad_v1",
    scored_on=Split.TEST,
    intermediate=False,
    target=True,
    hub=HubSource(
        repository="google/xquad",
        config="xquad.{lang}",
        splits={"test": "validation"},
        columns={"id": "id", "question": "question", "context": "context", "answers": "answers"},
    ),
    counts={"test": 1_190},
    source="github.com/deepmind/xquad",
    citation="Artetxe et al. 2020, arXiv 1910.11856",
)

MLQA = replace(
    XQUAD,
    name="mlqa",
    parallel=False,  # Each question is in some of the languages alone.
    files={split: f"mlqa/MLQA_V1/{split}/{split}-context-{{lang}}-question-{{lang}}.json" for split in ("dev", "test")},
    languages=languages.MLQA,
    metric="mlqa",
    scored_on=Split.DEV,
    hub=None,  # facebook/mlqa is a loading script, which nothing runs any more.
    counts={},
    licence="CC BY-SA 3.0",
    source="github.com/facebookresearch/MLQA, version 1",
    citation="Lewis et al. 2020, arXiv 1910.07475",
)

TYDIQA = replace(
    XQUAD,
    name="tydiqa",
    parallel=False,  # Each language has texts and questions of its own.
    # Google's dev files are XTREME's test set: English dev data has to be carved from the train file.
    files={s: f"tydiqa/tydiqa-goldp-v1.1-{n}/tydiqa.goldp.{{lang}}.{n}.json" for s, n in (("train", "train"), ("test", "dev"))},
    languages=languages.TYDIQA,
    train_on="",
    intermediate=True,
    # The hub's GoldP set holds its nine languages in one split, so its "train" is not English data.
    hub=None,
    counts={"train": 3_696, "test": 440},
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
    languages=languages.TATOEBA,
    metric="retrieval_accuracy",
    target=True,
    licence="CC BY 2.0 FR",
    source="LASER's Tatoeba sets as XTREME distributes them (English side sorted)",
    citation="Artetxe and Schwenk 2019, arXiv 1812.10464",
)

XCOPA = TaskRow(
    name="xcopa",
    parallel=True,
    kind=Kind.CHOICE,
    reader="copa_jsonl",
    files=_by_split("xcopa", "jsonl", train="train", dev="val", test="test"),
    languages=languages.XCOPA,
    metric="accuracy",
    labels=("0", "1"),
    head="copa",
    intermediate=True,
    target=True,
    # XTREME-R's phases: Social IQa, then COPA.
    train_first="siqa",
    # The hub's repository has no English; COPA's train and dev sets are XTREME-R's files.
    hub=HubSource(
        repository="cambridgeltl/xcopa",
        config="{lang}",
        splits={"dev": "validation", "test": "test"},
        columns={"context": "premise", "question": "question", "endings": "choice1,choice2", "label": "label"},
    ),
    counts={"train": 400, "dev": 100},
    licence="CC BY 4.0",
    source="github.com/cambridgeltl/xcopa, whose test files carry gold (XTREME-R's have every label 0)",
    citation="Ponti et al. 2020, arXiv 2005.00333",
)

XTREME_ROWS = (XNLI, PAWSX, UDPOS, PANX, XQUAD, MLQA, TYDIQA, TATOEBA, XCOPA)
