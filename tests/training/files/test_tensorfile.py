"""Files of weights can be read by whoever may read their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from training.files.tensorfile import write_tensors


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_weights_are_as_open_as_the_user_s_other_files(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "model.safetensors", {"a": torch.zeros(3)}, {})
    finally:
        os.umask(before)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == mode
