"""A phase starts from files that are mapped into memory: weights are copied once, and are the model's own from then on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training import toy
from training.files.tensorfile import write_tensors
from training.models.backbone import load_backbone
from training.models.carry import from_phase

WORDS = 100_000


def peak_growth(action: Callable[[], Any]) -> tuple[Any, int]:
    """What `action` gives, and by how many bytes the process grew at its largest, mapped pages of files included."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pytest.skip("the system does not let a process measure its peak")
    before = _kibibytes("VmRSS")
    found = action()
    return found, (_kibibytes("VmHWM") - before) * 1024


def _kibibytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def bytes_of(model: torch.nn.Module) -> int:
    return sum(value.numel() * value.element_size() for value in model.state_dict().values())


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.save_model(tmp_path_factory.mktemp("large") / "model", vocab_size=WORDS, hidden_size=128)


def phase_file(folder: Path, tmp_path: Path) -> Path:
    write_tensors(tmp_path / "phase.safetensors", from_published(folder).state_dict(), {"format": "pt"})
    return tmp_path / "phase.safetensors"


def from_published(folder: Path) -> Any:
    return toy.from_pretrained(folder, [toy.NLI], random=False, model_seed=0, seed=1)[0]


@pytest.mark.parametrize("start", ["published", "phase"])
def test_start_of_a_phase_takes_the_memory_of_the_file_and_of_one_copy(large: Path, tmp_path: Path, start: str) -> None:
    weights = phase_file(large, tmp_path)
    (model, growth) = peak_growth(
        lambda: from_published(large) if start == "published" else from_phase(large, weights, [toy.NLI], seed=1)[0]
    )
    size = bytes_of(model)
    assert size > 50e6 and growth < 2.3 * size, f"{growth / size:.2f} times the model"


@pytest.mark.parametrize("start", ["published", "phase"])
def test_weights_do_not_follow_a_file_that_is_written_over(tmp_path: Path, start: str) -> None:
    folder = toy.save_model(tmp_path / "model")
    path = folder / "model.safetensors"
    if start == "phase":
        path = phase_file(folder, tmp_path)
    before = {name: value.clone() for name, value in load_file(str(path)).items()}
    model = load_backbone(folder).model if start == "published" else from_phase(folder, path, [toy.NLI], seed=1)[0]
    with path.open("r+b") as stream:
        stream.write(b"\0" * path.stat().st_size)
    state = model.state_dict()
    assert state.keys() == before.keys() and all(torch.equal(state[name], before[name]) for name in before)
