"""English multiple choice: HellaSwag, CosmosQA, CommonsenseQA and Social IQa.

A choice's head scores one ending at a time, so it is the same function whatever the number of endings.
"""

from __future__ import annotations

from dataclasses import replace

from training.tasks.row import Encoding, HubSource, Kind, Split, TaskRow

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
    hub=HubSource(
        repository="Rowan/hellaswag",
        splits={"train": "train", "dev": "validation"},
        columns={"context": "ctx", "endings": "endings", "label": "label", "group": "activity_label"},
    ),
    counts={"train": 39_905, "dev": 10_042},
    licence="MIT",
    source="github.com/rowanz/hellaswag",
    citation="Zellers et al. 2019, arXiv 1905.07830",
)

COSMOSQA = replace(
    HELLASWAG,
    name="cosmosqa",
    reader="cosmosqa_csv",
    files={"train": "cosmosqa/train.csv", "dev": "cosmosqa/valid.csv"},
    head="cosmosqa",
    encoding=Encoding(max_length=256),
    hub=None,  # allenai/cosmos_qa is a loading script, which nothing runs any more.
    counts={"train": 25_262, "dev": 2_985},
    licence="CC BY 4.0 (recalled)",
    source="github.com/wilburOne/cosmosqa",
    citation="Huang et al. 2019, arXiv 1909.00277",
)

COMMONSENSEQA = replace(
    HELLASWAG,
    name="commonsenseqa",
    reader="commonsenseqa_jsonl",
    # Version 1.11 has five choices and 1.0 three, so the row leaves their number to the file.
    files={
        "train": "commonsenseqa/train_rand_split.jsonl",
        "dev": "commonsenseqa/dev_rand_split.jsonl",
        "test": "commonsenseqa/test_rand_split_no_answers.jsonl",
    },
    labels=(),
    head="commonsenseqa",
    hub=HubSource(
        repository="tau/commonsense_qa",
        splits={"train": "train", "dev": "validation", "test": "test"},
        columns={"context": "question", "endings": "choices.text", "label": "answerKey"},
        label_names={letter: str(index) for index, letter in enumerate("ABCDE")},
    ),
    counts={"train": 9_741, "dev": 1_221},
    licence="MIT (recalled)",
    source="tau-nlp.org/commonsenseqa, version 1.11, random split",
    citation="Talmor et al. 2019, arXiv 1811.00937",
)

SIQA = replace(
    HELLASWAG,
    name="siqa",
    reader="siqa_jsonl",
    files={split: f"siqa/socialIQa_v1.4_{name}.jsonl" for split, name in (("train", "trn"), ("dev", "dev"), ("test", "tst"))},
    labels=("0", "1", "2"),
    # XCOPA's phase on COPA goes on with this head.
    head="copa",
    hub=None,  # allenai/social_i_qa is a loading script, which nothing runs any more.
    counts={"train": 33_410, "dev": 1_954},
    licence="CC BY 4.0",
    source="Social IQa 1.4 as XTREME-R distributes it",
    citation="Sap et al. 2019, arXiv 1904.09728",
)

CHOICE_ROWS = (HELLASWAG, COSMOSQA, COMMONSENSEQA, SIQA)
