"""English tasks that models are trained on before, or as, their target.

Files follow the XTREME download layout, with HellaSwag and SQuAD below folders of their own names.
"""

from __future__ import annotations

from training.tasks.row import Encoding, Kind, Split, TaskRow

NLI_LABELS = ("contradiction", "entailment", "neutral")

MNLI = TaskRow(
    name="mnli",
    kind=Kind.CLASSIFICATION,
    reader="sentence_pair_tsv",
    # XTREME's XNLI train file is MultiNLI's train set, and its English dev file is XNLI's own (not MultiNLI's matched dev).
    files={"train": "xnli/train-en.tsv", "dev": "xnli/dev-en.tsv"},
    languages=("en",),
    metric="accuracy",
    labels=NLI_LABELS,
    head="nli3",
    scored_on=Split.DEV,
    intermediate=True,
    licence="OANC and others, by genre (train); CC BY-NC 4.0 (dev)",
    source="MultiNLI 1.0 as XTREME distributes it for XNLI",
    citation="Williams et al. 2018, arXiv 1704.05426",
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
    licence="CC BY-SA 4.0",
    source="rajpurkar.github.io/SQuAD-explorer",
    citation="Rajpurkar et al. 2016, arXiv 1606.05250",
)

HELLASWAG = TaskRow(
    name="hellaswag",
    kind=Kind.CHOICE,
    reader="hellaswag_jsonl",
    files={"train": "hellaswag/hellaswag_train.jsonl", "dev": "hellaswag/hellaswag_val.jsonl"},
    languages=("en",),
    metric="accuracy",
    labels=("0", "1", "2", "3"),
    head="hellaswag",
    scored_on=Split.DEV,
    intermediate=True,
    licence="MIT",
    source="github.com/rowanz/hellaswag",
    citation="Zellers et al. 2019, arXiv 1905.07830",
)

INTERMEDIATE_ROWS = (MNLI, SQUAD_V1, HELLASWAG)
