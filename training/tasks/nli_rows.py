"""English natural language inference: MultiNLI, SNLI and ANLI under one head, and the three put together (ANLI+)."""

from __future__ import annotations

from dataclasses import replace

from training.tasks.row import HubSource, Kind, Split, TaskRow

NLI_LABELS = ("contradiction", "entailment", "neutral")
NLI_NAMES = {"0": "entailment", "1": "neutral", "2": "contradiction"}
"""The labels' order in the hub's repositories."""
_PAIR = {"first": "premise", "second": "hypothesis", "label": "label"}

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
    hub=HubSource(
        repository="facebook/xnli",
        config="en",
        splits={"train": "train", "dev": "validation"},
        columns=_PAIR,
        label_names=NLI_NAMES,
    ),
    counts={"train": 392_702, "dev": 2_490},
    licence="OANC and others, by genre (train); CC BY-NC 4.0 (dev)",
    source="MultiNLI 1.0 as XTREME distributes it for XNLI",
    citation="Williams et al. 2018, arXiv 1704.05426",
)

SNLI = replace(
    MNLI,
    name="snli",
    reader="snli_jsonl",
    files={split: f"snli_1.0/snli_1.0_{split}.jsonl" for split in ("train", "dev", "test")},
    hub=HubSource(
        repository="stanfordnlp/snli",
        config="plain_text",
        splits={"train": "train", "dev": "validation", "test": "test"},
        columns=_PAIR,
        # -1 stands for "no majority": such pairs are left out, as by the reader of the native files.
        label_names={**NLI_NAMES, "-1": ""},
    ),
    counts={"train": 549_367, "dev": 9_842},
    licence="CC BY-SA 4.0",
    source="nlp.stanford.edu/projects/snli, version 1.0",
    citation="Bowman et al. 2015, arXiv 1508.05326",
)


def _anli(number: int, train: int, dev: int) -> TaskRow:
    return replace(
        MNLI,
        name=f"anli_r{number}",
        reader="anli_jsonl",
        files={split: f"anli/R{number}_{split}.jsonl" for split in ("train", "dev", "test")},
        hub=HubSource(
            repository="facebook/anli",
            config="plain_text",
            splits={split: f"{split}_r{number}" for split in ("train", "dev", "test")},
            columns=_PAIR,
            label_names=NLI_NAMES,
        ),
        counts={"train": train, "dev": dev},
        licence="CC BY-NC 4.0",
        source=f"github.com/facebookresearch/anli; its R{number}/train.jsonl is anli/R{number}_train.jsonl here, and so on",
        citation="Nie et al. 2020, arXiv 1910.14599",
    )


ANLI_R1 = _anli(1, 16_946, 1_000)
ANLI_R2 = _anli(2, 45_460, 1_000)
ANLI_R3 = _anli(3, 100_459, 1_200)

ANLI_PLUS = replace(
    MNLI,
    name="anli_plus",
    reader="",
    files={},
    parts=(ANLI_R1, ANLI_R2, ANLI_R3, MNLI, SNLI),
    hub=None,
    counts={"train": 1_104_934},
    licence="that of each part",
    source="ANLI rounds 1 to 3, MultiNLI and SNLI, put together",
    citation="Phang et al. 2020, arXiv 2005.13013",
)

NLI_ROWS = (MNLI, SNLI, ANLI_R1, ANLI_R2, ANLI_R3, ANLI_PLUS)
