"""How much memory a phase took is measured, remembered, and found by who plans the next; a process keeps to its share."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import training.learning.peaks
from tests.training import toy
from tests.training.bench import DEV, TAGS_TEST, Bench
from training.identity import Runtime
from training.learning.fitting import Notes, device_name
from training.learning.peaks import CONTEXT, ENOUGH, Gauge, Peaks, keep_to_share, note_peak, peak_subject
from training.tasks.row import Kind

MB = 1 << 20


class Fixed:
    """Stands for a gauge that has measured something."""

    def __init__(self, size: int | None) -> None:
        self.size = size

    def peak(self) -> int | None:
        return self.size


def note(folder: Path, size: int | None, *, device: str = "cpu, 8 GiB", steps: int = 10, of: int = 10) -> None:
    note_peak(Notes(folder, "m", device), "s", Fixed(size), steps=steps, of=of)


def test_gauge_sees_what_a_process_took_and_gave_back() -> None:
    """A tensor that is gone again counts, and so do the weights that were there before."""
    model = torch.nn.Linear(1000, 1000)
    gauge = Gauge(model, "cpu")
    gone = torch.ones(200 * MB // 4)
    del gone
    peak = gauge.peak()
    assert peak is not None and 180 * MB <= peak - 4 * 1001 * 1000 <= 300 * MB
    again = Gauge(model, "cpu").peak()
    assert again is not None and again < 100 * MB, "a gauge begins anew"


def test_largest_peak_of_a_subject_is_kept(tmp_path: Path) -> None:
    for size in (5, 9, 7):
        note(tmp_path, size)
    assert Peaks.read(tmp_path).of("m", "s", cuda=False) == 9


@pytest.mark.parametrize(("steps", "of", "kept"), [(ENOUGH, 10 * ENOUGH, True), (ENOUGH - 1, ENOUGH, False), (5, 5, True)])
def test_peak_of_too_few_steps_says_nothing(steps: int, of: int, kept: bool, tmp_path: Path) -> None:
    note(tmp_path, 5, steps=steps, of=of)
    assert bool(Peaks.read(tmp_path).found) is kept


def test_peak_that_the_system_does_not_tell_is_not_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.learning.peaks, "_RESET", tmp_path / "no such folder" / "clear_refs")
    assert Gauge(torch.nn.Linear(1, 1), "cpu").peak() is None
    note(tmp_path, None)
    assert not Peaks.read(tmp_path).found


def test_peaks_of_gpus_and_cpus_and_of_models_are_apart(tmp_path: Path) -> None:
    note(tmp_path, 5)
    note(tmp_path, 7, device="NVIDIA T4, 15 GiB")
    note(tmp_path, 6, device="NVIDIA H100, 79 GiB")
    found = Peaks.read(tmp_path)
    assert (found.of("m", "s", cuda=False), found.of("m", "s", cuda=True)) == (5, 7)
    assert found.of("n", "s", cuda=True) is None and found.of("m", "t", cuda=True) is None


def test_notes_of_another_kind_and_damaged_ones_are_no_peaks(tmp_path: Path) -> None:
    Notes(tmp_path, "m", "cpu, 8 GiB").remember("a micro-batch", 4)
    for number, content in enumerate((b"", b"[]", b'{"bytes": "5"}', b'{"bytes": 5}', b"\xff")):
        (tmp_path / f"{number}.json").write_bytes(content)
    assert not Peaks.read(tmp_path).found
    assert not Peaks.read(tmp_path / "nowhere").found


def test_subject_names_what_decides_the_memory_of_a_phase() -> None:
    phase, runtime = toy.phase(toy.NLI), Runtime()
    said = peak_subject(phase, [Kind.CLASSIFICATION], runtime)
    assert peak_subject(replace(phase, lr=1e-5, seed=9, epochs=7), [Kind.CLASSIFICATION], replace(runtime, threads=4)) == said
    others = [
        peak_subject(replace(phase, batch=3), [Kind.CLASSIFICATION], runtime),
        peak_subject(toy.phase(toy.NLI, toy.MLM), [Kind.CLASSIFICATION, Kind.MLM], runtime),
        peak_subject(replace(phase, precision="bfloat16"), [Kind.CLASSIFICATION], runtime),
        *(
            peak_subject(phase, [Kind.CLASSIFICATION], replace(runtime, **change))
            for change in ({"micro_batch": 2}, {"packed": False}, {"compact": False})
        ),
    ]
    assert len({said, *others}) == 7
    assert peak_subject(phase, [Kind.CLASSIFICATION], replace(runtime, micro_batch=10_000)) == said


def test_chain_leaves_the_peak_of_each_phase_that_it_trains(bench: Bench, tmp_path: Path) -> None:
    phases = (toy.phase(toy.NLI), toy.phase(toy.TAGS))
    chain = bench.chain(*phases, selection=(DEV["tags"],), evaluations=[TAGS_TEST])
    bench.run(chain, notes=tmp_path / "notes")
    found = Peaks.read(tmp_path / "notes")
    for phase, row in zip(phases, (toy.NLI, toy.TAGS), strict=True):
        size = found.of(chain.model.key, peak_subject(phase, [row.kind], bench.runtime), cuda=False)
        assert size is not None and size > 0
    for path in (tmp_path / "notes").iterdir():
        path.unlink()
    bench.run(chain, notes=tmp_path / "notes")
    assert not Peaks.read(tmp_path / "notes").found, "what was taken from the store has no peak"


class Cuda:
    """Stands for a GPU of 10 GB."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fraction: float | None = None
        self.total = 10 << 30
        seen = SimpleNamespace(name="GPU", total_memory=self.total)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: seen)
        monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", self._limit)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
        monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 3 << 30)

    def _limit(self, fraction: float, device: Any) -> None:
        self.fraction = fraction


def test_process_on_a_shared_gpu_is_kept_to_its_share_less_its_context(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(monkeypatch)
    keep_to_share(Runtime(device="cuda", share=0.25))
    assert cuda.fraction == pytest.approx(0.25 - CONTEXT / cuda.total)
    keep_to_share(Runtime(device="cuda"))
    assert cuda.fraction == 1.0, "a process that is used again is not kept to what an earlier leg had"
    cuda.fraction = None
    keep_to_share(Runtime(device="cpu", share=0.25))
    assert cuda.fraction is None


def test_peak_on_a_gpu_is_what_the_allocator_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    Cuda(monkeypatch)
    assert Gauge(torch.nn.Linear(9, 9), "cuda").peak() == 3 << 30


def test_what_fits_into_a_share_is_noted_for_the_share_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    Cuda(monkeypatch)
    assert (device_name("cuda"), device_name("cuda", 0.25)) == ("GPU, 10 GiB", "GPU, 10 GiB, 0.25 of it")
    assert device_name("cpu", 0.25) == device_name("cpu")


def test_note_says_whose_peak_it_is(tmp_path: Path) -> None:
    note(tmp_path, 5)
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_bytes()) == {"model": "m", "device": "cpu, 8 GiB", "subject": "s", "bytes": 5}
