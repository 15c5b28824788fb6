"""What the start of a trial costs: cold and warm, both executors, Ray Train alone, and the memory of a concurrent trial.

1. Legs of a small grid run one after the other. `start` counts from when the search gave a leg out until its chain began to
   run, `to first step` until its first optimiser step was done. The first leg of an executor is cold (new processes).
2. An empty Ray Train run is started, in turn as its defaults are and as a session starts it, and its processes are weighed:
   proportional set size, which counts a page that n processes share as 1/n of a page.
3. What a process that is up saves of a model as large as XLM-R Large (250,002 words, 24 layers of width 1,024; made up here).

    python benchmarks/trial_start.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.record import TrialRecord, read_records

GRID = """\
name: starts
models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 1}}}
intermediates: [none]
targets: [mini_udpos]
data:
  mini_mlm: {caps: {train: 500, dev: 50}}
  mini_udpos: {languages: [en], caps: {train: 300, dev: 60, test: 60}}
search:
  trials: 8
  sampler: random
  space: {target: {lr: {low: 1e-4, high: 1e-3, log: true}, epochs: [1]}}
training: {batch: 16}
resources: {trials_at_once: 1}
"""
SESSION = {"RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "RAY_TRAIN_METRICS_ENABLED", "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"}
ON_ITS_MACHINE = ("RayTrainWorker",)
"""What runs where the GPU is; every other process of a trial is on the head."""


def legs_of(executor: str) -> list[TrialRecord]:
    """Records of one run of the grid, in the order in which the trials were started."""
    with tempfile.TemporaryDirectory() as folder:
        grid = Path(folder) / "starts.yaml"
        grid.write_text(GRID, encoding="utf-8")
        command = [str(Path(sys.executable).with_name("sweep")), "launch", "--grid", str(grid), "--executor", executor]
        subprocess.run([*command, "--run", str(Path(folder) / "run")], check=True, stdout=subprocess.DEVNULL)
        return sorted(read_records(Path(folder) / "run"), key=lambda record: (record.started, record.number))


def weights_of(root: int) -> dict[str, float]:
    """Proportional set sizes, in MB, of the processes that the Ray node of process `root` has for a run, by name."""
    found: dict[str, float] = defaultdict(float)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                name = (folder / "cmdline").read_bytes().split(b"\0")[0].decode().removeprefix("ray::").partition(".")[0]
                rollup = (folder / "smaps_rollup").read_text()
            except (OSError, ValueError):
                continue
            if parent == root and not name.startswith(("IDLE", "/", "RuntimeEnvAgent", "DashboardAgent", "_Autoscaling")):
                found[name] += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    return dict(found)


def empty_loop(config: dict[str, Any]) -> None:
    """Leave a mark of when it began, and stay until the processes were weighed."""
    import torch

    assert torch
    Path(config["mark"]).write_text(repr(time.time()), encoding="utf-8")
    while not Path(config["weighed"]).exists():
        time.sleep(0.05)


def one_start(lean: bool, folder: Path, raylet: int) -> tuple[float, float, dict[str, float]]:
    """Start an empty Ray Train run; seconds until its loop began, seconds in all, and its processes."""
    import threading

    import ray.train
    from ray.train.torch import TorchTrainer

    from sweep.executors.session import SETTINGS, LeanTrainer

    for name in SESSION:
        os.environ.pop(name, None)
    if lean:
        os.environ.update({name: SETTINGS[name] for name in SESSION})
    folder.mkdir()
    config = {"mark": str(folder / "mark"), "weighed": str(folder / "weighed")}
    kind: Any = LeanTrainer if lean else TorchTrainer
    scaling = ray.train.ScalingConfig(num_workers=1, resources_per_worker={"CPU": 1})
    running = ray.train.RunConfig(name="empty", storage_path=str(folder))
    trainer = kind(empty_loop, train_loop_config=config, scaling_config=scaling, run_config=running)
    began = time.time()
    thread = threading.Thread(target=trainer.fit)
    thread.start()
    while not (folder / "mark").exists() or not (folder / "mark").read_text():
        time.sleep(0.02)
    entered = float((folder / "mark").read_text()) - began
    time.sleep(1)
    processes = weights_of(raylet)
    weighed = time.time()
    (folder / "weighed").touch()
    thread.join()
    return entered, entered + time.time() - weighed, processes


def ray_train(rounds: int) -> Iterator[str]:
    """The lines of the table on Ray Train alone, both arms in turn."""
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    raylet = ray._private.worker._global_node.all_processes["raylet"][0].process.pid
    found: dict[bool, list[tuple[float, float, dict[str, float]]]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for lean in (False, True):
                found[lean].append(one_start(lean, Path(folder) / f"{number}-{lean}", raylet))
    ray.shutdown()
    yield "| Ray Train | until its loop begins, s | with its end, s | processes | MB on the head | MB of the worker |"
    yield "|---|---|---|---|---|---|"
    for lean, name in ((False, "as its defaults are"), (True, "as a session starts it")):
        starts, wholes, processes = zip(*found[lean], strict=True)
        weighed = processes[-1]
        worker = sum(size for kind, size in weighed.items() if kind.startswith(ON_ITS_MACHINE))
        head = sum(weighed.values()) - worker
        times = f"{statistics.median(starts):.1f} | {statistics.median(wholes):.1f}"
        yield f"| {name} | {times} | {len(weighed)} | {head:.0f} | {worker:.0f} |"
    yield ""
    yield "Processes of the last round (MB): " + "; ".join(
        ", ".join(f"{kind} {size:.0f}" for kind, size in sorted(found[lean][-1][2].items())) for lean in (False, True)
    )


def large_model(rounds: int) -> Iterator[str]:
    """The lines of the table on a large model: its tokenizer read again or kept, its encoder drawn or not, in turn."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig

    from training.models import backbone

    sizes = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    words = [(word, 0.0) for word in ("<s>", "<pad>", "</s>", "<unk>")]
    words += [(f"\u2581w{number}", -float(number % 15)) for number in range(250_002 - len(words))]
    seconds: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, call: Any) -> None:
        began = time.perf_counter()
        call()
        seconds[name].append(time.perf_counter() - began)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514, **sizes).save_pretrained(folder)
        tokenizer = Tokenizer(models.Unigram(words, unk_id=3))
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>").save_pretrained(folder)
        for _ in range(rounds):
            backbone._kept_tokenizer.cache_clear()
            timed("tokenizer, first time in a process", lambda: backbone.load_tokenizer(folder))
            timed("tokenizer, kept", lambda: backbone.load_tokenizer(folder))
            timed("encoder with random weights", lambda: backbone.build_backbone(folder, 0))
            timed("encoder whose weights are to be overwritten", lambda: backbone.build_backbone(folder, 0, drawn=False))
    yield "| part of a large model | median, s | worst, s |\n|---|---|---|"
    for name, values in seconds.items():
        yield f"| {name} | {statistics.median(values):.2f} | {max(values):.2f} |"


def main() -> None:
    """Print the tables in Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("| executor | leg | start, s | to first step, s | whole leg, s |\n|---|---|---|---|---|")
    ratios = []
    for executor in ("inline", "train"):
        records = legs_of(executor)
        for number, record in enumerate(records):
            timing = record.timing
            print(
                f"| {executor} | {number + 1} ({'warm' if number else 'cold'}) | {timing['start']:.2f} |"
                f" {timing['to_first_step']:.2f} | {timing['seconds']:.2f} |"
            )
        cold, *warm = (record.timing["to_first_step"] for record in records)
        ratios.append(f"{executor}: warm {statistics.median(warm):.2f} s (worst {max(warm):.2f}), cold ÷ warm")
        ratios[-1] += f" {cold / statistics.median(warm):.0f} (worst {cold / max(warm):.1f})"
    print("\nTo the first step: " + "; ".join(ratios) + "\n")
    for line in ray_train(arguments.rounds):
        print(line)
    print()
    for line in large_model(arguments.rounds):
        print(line)


if __name__ == "__main__":
    main()
