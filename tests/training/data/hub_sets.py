"""Small data sets with the columns, configurations and splits of the real repositories, as Parquet with their class names."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

NLI_CLASSES = ("entailment", "neutral", "contradiction")
ENTITY_CLASSES = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


def parquet(columns: dict[str, Any], features: dict[str, Any] | None = None) -> bytes:
    """A Parquet file; `features` are written as the library writes them, beside the schema."""
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def card(configs: dict[str, list[str]], rows: int | None = None) -> bytes:
    """A data set's card whose configurations have these splits, at `config/split-*`; `rows` is stated for each of them."""
    lines = ["---", "configs:"]
    for config, splits in configs.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {config}/{split}-*"]
    if rows is not None:
        lines.append("dataset_info:")
        for config, splits in configs.items():
            lines += [f"- config_name: {config}", "  splits:"]
            for split in splits:
                lines += [f"  - name: {split}", f"    num_bytes: {rows}", f"    num_examples: {rows}"]
    return "\n".join([*lines, "---", ""]).encode()


def repository(configs: dict[str, dict[str, bytes]], rows: int | None = None) -> dict[str, bytes]:
    """The files of a repository: its card, and one file a configuration and split."""
    files = {"README.md": card({config: list(splits) for config, splits in configs.items()}, rows)}
    for config, splits in configs.items():
        for split, content in splits.items():
            files[f"{config}/{split}-00000-of-00001.parquet"] = content
    return files


def _class(names: tuple[str, ...]) -> dict[str, Any]:
    return {"names": list(names), "_type": "ClassLabel"}


_TEXT = {"dtype": "string", "_type": "Value"}


def nli(texts: list[str], labels: list[int]) -> bytes:
    """Premise, hypothesis and label, as in facebook/xnli, stanfordnlp/snli and facebook/anli."""
    features = {"premise": _TEXT, "hypothesis": _TEXT, "label": _class(NLI_CLASSES)}
    columns = {"premise": texts, "hypothesis": [f"{text} is so" for text in texts], "label": pa.array(labels, pa.int64())}
    return parquet(columns, features)


def xnli(languages: list[str]) -> dict[str, bytes]:
    """facebook/xnli in some languages; its train split is there too, and must not be fetched for a target."""
    texts = [f"premise {number}" for number in range(6)]
    parts = ("train", "validation", "test")
    labels = [0, 1, 2, 0, 1, 2]
    files = {
        language: {part: nli([f"{language} {part} {text}" for text in texts], labels) for part in parts}
        for language in languages
    }
    return repository(files, rows=6)


def snli() -> dict[str, bytes]:
    """stanfordnlp/snli, where -1 stands for no majority."""
    split = nli(["a dog runs", "a cat sleeps", "a man eats"], [0, -1, 2])
    return repository({"plain_text": {part: split for part in ("train", "validation", "test")}})


def squad() -> dict[str, bytes]:
    """rajpurkar/squad."""
    context = "The house was built in 1901 by Ada."
    columns = {
        "id": ["q1", "q2"],
        "title": ["House", "House"],
        "context": [context, context],
        "question": ["When was it built?", "Who built it?"],
        "answers": [{"text": ["1901"], "answer_start": [23]}, {"text": ["Ada", "Ada"], "answer_start": [31, 31]}],
    }
    return repository({"plain_text": {"train": parquet(columns), "validation": parquet(columns)}})


def hellaswag() -> dict[str, bytes]:
    """Rowan/hellaswag, whose labels are texts."""
    columns = {
        "ind": [1, 2],
        "activity_label": ["Cooking", "Sailing"],
        "ctx": ["She takes a pan and", "The boat"],
        "endings": [["fries an egg.", "sings.", "falls.", "reads."], ["sinks.", "sails off.", "flies.", "eats."]],
        "label": ["0", "1"],
    }
    return repository({"default": {"train": parquet(columns), "validation": parquet(columns)}})


def wikiann(languages: list[str]) -> dict[str, bytes]:
    """unimelb-nlp/wikiann."""
    tags = {"feature": _class(ENTITY_CLASSES), "_type": "List"}
    columns = {"tokens": [["Ada", "saw", "Rome"], ["Nothing"]], "ner_tags": [[1, 0, 5], [0]], "langs": [["x"] * 3, ["x"]]}
    features = {"tokens": {"feature": _TEXT, "_type": "List"}, "ner_tags": tags, "langs": {"feature": _TEXT, "_type": "List"}}
    split = parquet(columns, features)
    return repository({language: {part: split for part in ("train", "validation", "test")} for language in languages})


def commonsense_qa() -> dict[str, bytes]:
    """tau/commonsense_qa, whose answers are letters and whose test split has none."""
    choices = [{"label": list("ABCDE"), "text": ["bank", "tree", "river", "house", "sky"]}] * 2
    questions = ["Where is money?", "What has leaves?"]
    columns = {"id": ["a", "b"], "question": questions, "choices": choices, "answerKey": ["A", "B"]}
    test = {**columns, "answerKey": ["", ""]}
    return repository({"default": {"train": parquet(columns), "validation": parquet(columns), "test": parquet(test)}})


def xcopa(languages: list[str]) -> dict[str, bytes]:
    """cambridgeltl/xcopa."""
    columns = {
        "premise": ["Mtu alifungua bomba."],
        "choice1": ["Choo kilijaa maji."],
        "choice2": ["Maji yalitiririka."],
        "question": ["effect"],
        "label": [1],
        "idx": [0],
    }
    return repository({language: {part: parquet(columns) for part in ("validation", "test")} for language in languages})
