"""Folders of predictions and labels in the layout of a submission, every task and language with a few examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from training.tasks.benchmarks import Benchmark, BenchmarkTask

TAGS = {"udpos": ("NOUN", "VERB", "SYM"), "panx": ("B-PER", "I-PER", "O")}
LABELS = {"xnli": ("entailment", "neutral", "contradiction"), "pawsx": ("0", "1", "1"), "tatoeba": ("0", "1", "2")}


def squad_json(gold: Mapping[str, list[str]]) -> str:
    """Gold answers as SQuAD JSON."""
    questions = [
        {"id": name, "question": "?", "answers": [{"text": text, "answer_start": 0} for text in texts]}
        for name, texts in gold.items()
    ]
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": "c", "qas": questions}]}]}, ensure_ascii=False)


def lines(*words: str) -> str:
    """Words, a line each."""
    return "".join(f"{word}\n" for word in words)


def contents(task: BenchmarkTask) -> tuple[str, str]:
    """A language's predictions, all of them right, and its labels."""
    folder = task.folder
    if folder in TAGS:
        text = lines(*TAGS[folder], "", TAGS[folder][0])
    elif folder in LABELS:
        text = lines(*LABELS[folder])
    elif folder == "bucc2018":
        text = lines("xx-1\ten-1", "xx-2\ten-2")
    elif folder == "xcopa":
        text = lines('{"label": 0}', '{"label": 1}')
    elif folder in ("mewslix", "lareqa"):
        text = json.dumps({"m1": ["Q1"], "m2": ["Q2"]})
    else:
        return json.dumps({"q1": "red fox", "q2": "1999"}), squad_json({"q1": ["red fox", "a fox"], "q2": ["1999"]})
    return text, text


def write_submission(root: Path, benchmark: Benchmark) -> tuple[Path, Path]:
    """Write right predictions and their labels below `root`; gives the two folders."""
    predictions, labels = root / "predictions", root / "labels"
    for task in benchmark.tasks.values():
        for folder, text in zip((predictions, labels), contents(task), strict=True):
            (folder / task.folder).mkdir(parents=True)
            for language in task.languages:
                (folder / task.folder / f"test-{language}.{task.extension}").write_text(text, "utf-8")
    return predictions, labels
