"""Task vectors: what two phases changed in the weights that both began with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from training.errors import PhaseLostError
from training.inference.task_vectors import task_vector_cosine

BASE = {"backbone.a": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "backbone.b": torch.tensor([5.0])}


def phase(folder: Path, name: str, changed: Mapping[str, Tensor], **more: Tensor) -> Path:
    """A phase's file: the base with something added, and tensors of its own."""
    weights = {key: tensor + changed.get(key, torch.zeros(())) for key, tensor in BASE.items()}
    save_file({**weights, **more}, str(folder / name))
    return folder / name


def test_cosine_of_phases_is_that_of_their_changes_over_all_tensors(tmp_path: Path) -> None:
    one = phase(tmp_path, "one", {"backbone.a": torch.tensor([[3.0, 0.0], [0.0, 0.0]])})
    two = phase(tmp_path, "two", {"backbone.a": torch.tensor([[1.0, 0.0], [0.0, 0.0]]), "backbone.b": torch.tensor([1.0])})
    back = phase(tmp_path, "back", {"backbone.a": torch.tensor([[-2.0, 0.0], [0.0, 0.0]])})
    assert task_vector_cosine(BASE, one, one) == pytest.approx(1.0)
    assert task_vector_cosine(BASE, one, two) == task_vector_cosine(BASE, two, one) == pytest.approx(0.5**0.5)
    assert task_vector_cosine(BASE, one, back) == pytest.approx(-1.0)


def test_heads_of_phases_have_no_part_in_their_cosine(tmp_path: Path) -> None:
    change = {"backbone.b": torch.tensor([2.0])}
    one = phase(tmp_path, "one", change, **{"heads.nli.weight": torch.ones(3)})
    two = phase(tmp_path, "two", change, **{"heads.tags.weight": -torch.ones(7)})
    assert task_vector_cosine(BASE, one, two) == pytest.approx(1.0)


def test_phase_that_changed_nothing_or_is_of_another_model_is_refused(tmp_path: Path) -> None:
    one, same = phase(tmp_path, "one", {"backbone.b": torch.tensor([2.0])}), phase(tmp_path, "same", {})
    with pytest.raises(ValueError, match="changed no weight"):
        task_vector_cosine(BASE, one, same)
    with pytest.raises(ValueError, match=r"no tensor backbone\.c"):
        task_vector_cosine({**BASE, "backbone.c": torch.zeros(1)}, one, one)
    with pytest.raises(ValueError, match=r"\[1\] where the model has \[2\]"):
        task_vector_cosine({**BASE, "backbone.b": torch.zeros(2)}, one, one)


def test_phase_whose_file_is_damaged_is_named(tmp_path: Path) -> None:
    one = phase(tmp_path, "one", {"backbone.b": torch.tensor([2.0])})
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(PhaseLostError, match="the phase lost can't be read"):
        task_vector_cosine(BASE, one, tmp_path / "lost" / "model.safetensors")
