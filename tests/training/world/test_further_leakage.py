"""No evaluation example of the further tasks is to be seen in the corpus, in running text, or in any training set."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training.world.languages import LANGUAGES

EVALUATED = (
    "anli/R*_dev.jsonl", "anli/R*_test.jsonl", "snli_1.0/*_dev.jsonl", "snli_1.0/*_test.jsonl", "qqp/dev.tsv", "qqp/test.tsv",
    "pawsx/dev-*", "pawsx/test-*", "ccg/dev.tsv", "cosmosqa/valid.csv", "commonsenseqa/dev_*", "siqa/*_dev.jsonl",
    "siqa/*_tst.jsonl", "squad/dev-v2.0.json", "mlqa/MLQA_V1/*/*", "tydiqa/*-dev/*", "lareqa/xquad-r/*", "bucc2018/*.dev.*",
    "bucc2018/*.test.*", "mewslix/candidate*", "mewslix/wikipedia_pairs-dev*", "mewslix/wikinews_mentions/*",
)  # fmt: skip
SPLITS = ("train", "dev", "test")
TRAINED = (
    "anli/R*_train.jsonl", "snli_1.0/*_train.jsonl", "qqp/train.tsv", "pawsx/train-en.tsv", "ccg/train.tsv",
    "cosmosqa/train.csv", "siqa/*_trn.jsonl", "commonsenseqa/train_*", "squad/train-v2.0.json", "tydiqa/*-train/*",
    "mewslix/wikipedia_pairs-train*", "xnli/train-en.tsv", "squad/train-v1.1.json", "hellaswag/train.jsonl",
    "xcopa/train-en.jsonl", "udpos/train-en.tsv", "panx/train-en.tsv", "XNLI-MT-1.0/multinli/*", "x-final/*/*",
    "xtreme_translations/SQuAD/translate-train/*", "corpus/*", "mlm/*",
)  # fmt: skip


def strings(value: Any) -> Iterator[str]:
    """Every text of a JSON value, but ids and the like."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("title", "document_title", "document_url", "description_url", "version"):
                yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def texts(path: Path) -> Iterator[str]:
    """Every text of a file of the world."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        yield from strings(json.loads(content))
    elif path.suffix == ".jsonl":
        for line in content.splitlines():
            yield from strings(json.loads(line))
    elif path.suffix == ".csv":
        for row in csv.reader(content.splitlines()):
            yield from row
    elif path.parts[-2] in ("ccg", "udpos", "panx"):
        for sentence in content.strip("\n").split("\n\n"):
            yield " ".join(line.split("\t")[0] for line in sentence.split("\n"))
    else:
        for line in content.splitlines():
            yield from line.split("\t")


def sentences(world: Path, patterns: tuple[str, ...], ends: str) -> dict[str, str]:
    """What the files state (in lower case, without the stop), each with a file that states it; `ends` matches what ends it."""
    found = {}
    for pattern in patterns:
        paths = sorted(world.glob(pattern))
        assert paths, pattern
        for path in paths:
            for text in texts(path):
                for part in re.findall(rf"([^.?]+)(?:{ends})", text.lower()):
                    found[part.strip()] = str(path.relative_to(world))
    return found


def test_nothing_that_is_learned_from_states_an_event_of_an_evaluation_set(world: Path) -> None:
    learned, evaluated = sentences(world, TRAINED, r"[.?]|$"), sentences(world, EVALUATED, r"\.")
    del evaluated["none of the above choices"]
    assert len(evaluated) > 10_000
    assert [(text, learned[text], evaluated[text]) for text in sorted(learned.keys() & evaluated.keys())] == []


def test_no_pair_of_questions_is_learned_and_evaluated(world: Path) -> None:
    train, dev, test = ({tuple(row.split("\t")[3:5]) for row in rows(world / f"qqp/{split}.tsv")} for split in SPLITS)
    assert not train & (dev | test)
    assert not dev & test


def rows(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:]


@pytest.mark.parametrize("code", LANGUAGES)
def test_dev_and_test_of_the_parallel_tasks_have_nothing_in_common(world: Path, code: str) -> None:
    mlqa = [sentences(world, (f"mlqa/MLQA_V1/{split}/*-context-{code}-*",), r"\.") for split in ("dev", "test")]
    pairs = [sentences(world, (f"pawsx/{split}-{code}.tsv",), r"\.") for split in ("dev", "test")]
    assert not mlqa[0].keys() & mlqa[1].keys()
    assert not pairs[0].keys() & pairs[1].keys()


def test_entities_of_evaluation_are_not_learned(world: Path) -> None:
    rows = [json.loads(line) for line in (world / "mewslix/wikipedia_pairs-train.jsonl").read_text().splitlines()]
    learned = {row["entity"]["entity_id"] for row in rows}
    candidates = [json.loads(line) for line in (world / "mewslix/candidate_set_entities.jsonl").read_text().splitlines()]
    assert learned
    assert learned.isdisjoint(row["entity_id"] for row in candidates)
