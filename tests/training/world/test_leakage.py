"""No evaluation example is to be seen in training, fine-tuning or pretraining."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from training.world.languages import LANGUAGES


def examples(path: Path) -> list[str]:
    """What an example shows a model, one string each."""
    if path.suffix == ".tsv":
        text = path.read_bytes().decode().replace("\r\n", "\n")
        parts = text.strip("\n").split("\n") if path.parts[-2] == "xnli" else text.strip("\n").split("\n\n")
        return [part.rsplit("\t", 1)[0] if path.parts[-2] == "xnli" else re.sub(r"\t\S+\n?", " ", part) for part in parts]
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return [row.get("premise") or row["ctx"] for row in rows]
    return [paragraph["context"] for article in json.loads(path.read_text())["data"] for paragraph in article["paragraphs"]]


@pytest.mark.parametrize(
    ("train", "evaluation"),
    [
        ("xnli/train-en.tsv", ("xnli/dev-en.tsv", "xnli/test-en.tsv")),
        ("xcopa/train-en.jsonl", ("xcopa/val-en.jsonl", "xcopa/test-en.jsonl")),
        ("hellaswag/train.jsonl", ("hellaswag/val.jsonl", "xcopa/test-en.jsonl")),
        ("udpos/train-en.tsv", ("udpos/dev-en.tsv", "udpos/test-en.tsv")),
        ("panx/train-en.tsv", ("panx/dev-en.tsv", "panx/test-en.tsv")),
        ("squad/train-v1.1.json", ("squad/dev-v1.1.json", "xquad/xquad.en.json")),
    ],
)
def test_train_and_evaluation_examples_are_disjoint(world: Path, train: str, evaluation: tuple[str, ...]) -> None:
    seen = examples(world / train)
    for name in evaluation:
        other = examples(world / name)
        assert not set(seen) & set(other)
        assert len(set(other)) == len(other)


def test_corpus_states_no_evaluation_sentence(world: Path) -> None:
    lines = (world / "corpus/train.txt").read_text().lower().splitlines()
    stated = {part.strip(" .?") for line in lines for part in re.split(r"[.?\t]", line)}
    for code in LANGUAGES:
        tested = [
            *(sentence for row in examples(world / f"xnli/test-{code}.tsv") for sentence in row.split("\t")),
            *examples(world / f"xcopa/test-{code}.jsonl"),
            *examples(world / f"udpos/test-{code}.tsv"),
            *examples(world / f"panx/test-{code}.tsv"),
            *(sentence for text in examples(world / f"xquad/xquad.{code}.json") for sentence in text.split(".")),
        ]
        if code != "en":
            tested += (world / f"tatoeba/{code}-en.{code}").read_text().splitlines()
            tested += (world / f"tatoeba/{code}-en.en").read_text().splitlines()
        assert not stated & {sentence.lower().strip(" .?") for sentence in tested if sentence.strip()}
