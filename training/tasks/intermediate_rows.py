"""English tasks that models are trained on before, or as, their target.

Files follow the XTREME download layout, with those of other tasks below folders of their own names. `nli_rows` and
`choice_rows` hold two families; here are the other tasks, and the list of all. Further intermediate tasks are the targets with
English data of their own, and those of `translated_rows`.
"""

from __future__ import annotations

from dataclasses import replace

from training.tasks.choice_rows import CHOICE_ROWS, HELLASWAG
from training.tasks.nli_rows import MNLI, NLI_LABELS, NLI_ROWS
from training.tasks.row import Encoding, HubSource, Kind, Split, TaskRow

__all__ = ["CCG", "HELLASWAG", "INTERMEDIATE_ROWS", "MNLI", "NLI_LABELS", "QQP", "SQUAD_V1", "SQUAD_V2"]

_SPANS = {"id": "id", "question": "question", "context": "context", "answers": "answers", "group": "title"}

QQP = TaskRow(
    name="qqp",
    kind=Kind.CLASSIFICATION,
    reader="question_pairs_tsv",
    files={"train": "qqp/train.tsv", "dev": "qqp/dev.tsv", "test": "qqp/test.tsv"},
    languages=("en",),
    metric="accuracy",
    labels=("0", "1"),
    head="paraphrase2",
    scored_on=Split.DEV,
    intermediate=True,
    hub=HubSource(
        repository="nyu-mll/glue",
        config="qqp",
        splits={"train": "train", "dev": "validation", "test": "test"},
        columns={"first": "question1", "second": "question2", "label": "label"},
    ),
    licence="non-commercial (recalled)",
    source="Quora question pairs, by GLUE's or BiMPM's splits",
    citation="Iyer, Dandekar and Csernai 2017; Wang et al. 2019, arXiv 1804.07461 (GLUE); Wang et al. 2017, arXiv 1702.03814",
)

SQUAD_V1 = TaskRow(
    name="squad_v1",
    kind=Kind.SPAN,
    reader="squad_json",
    files={"train": "squad/train-v1.1.json", "dev": "squad/dev-v1.1.json"},
    languages=("en",),
    metric="squad",
    head="span",
    scored_on=Split.DEV,
    encoding=Encoding(max_length=384, stride=128),
    intermediate=True,
    hub=HubSource(repository="rajpurkar/squad", splits={"train": "train", "dev": "validation"}, columns=_SPANS),
    counts={"train": 87_599, "dev": 10_570},
    licence="CC BY-SA 4.0",
    source="rajpurkar.github.io/SQuAD-explorer",
    citation="Rajpurkar et al. 2016, arXiv 1606.05250",
)

SQUAD_V2 = replace(
    SQUAD_V1,
    name="squad_v2",
    files={"train": "squad/train-v2.0.json", "dev": "squad/dev-v2.0.json"},
    # This metric is what lets a prediction be "no answer".
    metric="squad_v2",
    hub=HubSource(repository="rajpurkar/squad_v2", splits={"train": "train", "dev": "validation"}, columns=_SPANS),
    counts={"train": 130_319, "dev": 11_873},
    citation="Rajpurkar, Jia and Liang 2018, arXiv 1806.03822",
)

CCG = TaskRow(
    name="ccg",
    kind=Kind.TAGGING,
    reader="supertag_tsv",
    # `supertags.txt` beside them lists the labels.
    files={"train": "ccg/train.tsv", "dev": "ccg/dev.tsv"},
    languages=("en",),
    metric="tag_accuracy",
    head="ccg",
    scored_on=Split.DEV,
    intermediate=True,
    licence="LDC User Agreement (LDC2005T13): supplied by the user",
    source="CCGbank, as `word TAB supertag` lines written by the user",
    citation="Hockenmaier and Steedman 2007, Computational Linguistics 33(3)",
)

INTERMEDIATE_ROWS = (*NLI_ROWS, QQP, SQUAD_V1, SQUAD_V2, *CHOICE_ROWS, CCG)
