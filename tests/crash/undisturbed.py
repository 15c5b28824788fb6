"""The sweep that is disturbed, one that was left alone, and the comparison of the two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.crash.exactly_once import seen
from tests.crash.forge import Forge
from tests.crash.orders import Witness
from tests.sweep.launches import leftovers, scores, tables, weights
from training.record import read_records
from training.stores.store import verify

GRID = """\
name: crash
models: {mini: {source: mini_world, pretrain: {task: mini_mlm, epochs: 1}}}
intermediates: [none, mini_nli]
targets: [mini_udpos, mini_xnli, mini_tatoeba]
data:
  mini_mlm: {caps: {train: 160, dev: 30}}
  mini_nli: {caps: {train: 160, dev: 40}}
  mini_udpos: {languages: [en, qaa], caps: {train: 160, dev: 40, test: 30}}
  mini_xnli: {languages: [en, qaa], caps: {test: 30}}
  mini_tatoeba: {languages: [qaa], caps: {test: 30}}
search:
  trials: 4
  at_once: 2
  stopping: {rungs: [0.5], keep: 0.5}
  space:
    intermediate: {lr: [1e-4, 3e-4], epochs: [1]}
    target: {lr: {low: 1e-4, high: 1e-3, log: true}, epochs: [1, 2]}
training: {batch: 8}
resources: {checkpoint_seconds: 0.1, max_failures: 500}
"""
"""Phases of 20 to 40 steps: small enough that what is killed is soon where it was."""


@dataclass(frozen=True)
class Undisturbed:
    """A sweep that ran through: its folders, and the optimiser steps it took."""

    run: Path
    cache: Path
    steps: int


def run_undisturbed(forge: Forge, place: Path) -> Undisturbed:
    """Run the grid to its end, with the witness looking on."""
    grid, run, witness = place / "crash.yaml", place / "run", Witness(place / "witness")
    grid.write_text(GRID)
    launch = forge.launch(forge.cache, place / "log", ["launch", "--grid", str(grid), "--run", str(run)], witness, "0")
    assert launch.wait() == 0, launch.said
    found = seen(witness.events())
    assert found.faults == [] and found.repeated == 0 and found.steps
    return Undisturbed(run, forge.cache, len(found.steps))


def compare(run: Path, reference: Undisturbed) -> None:
    """Fails unless a run folder holds what the undisturbed one does, each thing once, and nothing else."""
    assert tables(run) == tables(reference.run)
    assert scores(run) == scores(reference.run)
    assert weights(run) == weights(reference.run)
    trials = [(record.study, record.number, record.seed) for record in read_records(run)]
    assert len(set(trials)) == len(trials) == len(list((run / "records").iterdir()))
    keys = [path.name.rpartition("--")[2] for path in (run / "phases").glob("*--*")]
    assert len(set(keys)) == len(keys)
    for folder in (run / "phases").glob("*--*"):
        verify(folder)
    left = [path for path in leftovers(run) if not _is_stopped_checkpoint(run, path)]
    assert left == [] and [path.name for path in run.glob("rungs/*")] == []


def _is_stopped_checkpoint(run: Path, path: str) -> bool:
    """Whether a leftover is the checkpoint of a trial stopped while the storage did not answer (`sweep gc` takes it)."""
    key = Path(path).stem
    return path == f"phases/.inflight/{key}.safetensors" and not list((run / "phases").glob(f"*--{key}"))
