"""Retrieval beyond Tatoeba: mining translations, answers among sentences of every language, entities by their descriptions."""

from __future__ import annotations

from training.tasks.row import Encoding, Kind, Split, TaskRow

_XQUAD_R = "en ar de el es hi ru th tr vi zh"
_MEWSLIX = "en ar de es fa ja pl ro ta tr uk"

BUCC2018 = TaskRow(
    name="bucc2018",
    kind=Kind.RETRIEVAL,
    reader="bucc_tsv",
    # The English side and the gold are found from these paths: `{lang}-en.dev.en`, `{lang}-en.dev.gold`.
    files={split: f"bucc2018/{{lang}}-en.{split}.{{lang}}" for split in ("dev", "test")},
    languages=("de", "fr", "ru", "zh"),
    metric="pair_f1",
    # XTREME's "dev" is BUCC's sample set, with gold; its "test" is BUCC's training set, whose gold XTREME keeps.
    scored_on=Split.DEV,
    encoding=Encoding(max_length=512),
    target=True,
    licence="research use",
    source="BUCC 2018 as XTREME distributes it",
    citation="Zweigenbaum et al. 2018",
)

LAREQA = TaskRow(
    name="lareqa",
    parallel=True,
    kind=Kind.RETRIEVAL,
    reader="xquad_r_json",
    files={"test": "lareqa/xquad-r/{lang}.json"},
    languages=tuple(_XQUAD_R.split()),
    metric="average_precision_20",
    train_on="squad_v1",
    counts={"test": 1190},
    # As XTREME-R's scripts: what a candidate, a sentence with its paragraph, may take.
    encoding=Encoding(max_length=256),
    target=True,
    licence="CC BY-SA 4.0",
    source="github.com/google-research-datasets/lareqa, XQuAD-R",
    citation="Roy et al. 2020, arXiv 2004.05484",
)

MEWSLIX = TaskRow(
    name="mewslix",
    kind=Kind.RETRIEVAL,
    reader="mewslix_jsonl",
    # Gold and candidates are found from the test path: `wikinews_labels/test-{lang}.json`, `candidate_set_entities.jsonl`.
    files={
        "train": "mewslix/wikipedia_pairs-train.jsonl",
        "dev": "mewslix/wikipedia_pairs-dev.jsonl",
        "test": "mewslix/wikinews_mentions/test-{lang}.jsonl",
    },
    languages=tuple(_MEWSLIX.split()),
    metric="reciprocal_rank_20",
    encoding=Encoding(max_length=64),
    target=True,
    # Of the release of 2022-05-18; the paper's own sample was smaller.
    counts={"train": 167_719, "dev": 14_051, "test": 1_490},
    licence="none stated; derived from Wikipedia and WikiNews",
    source="Mewsli-X through XTREME-R's preprocessing",
    citation="Ruder et al. 2021, arXiv 2104.07412",
)

RETRIEVAL_ROWS = (BUCC2018, LAREQA, MEWSLIX)
