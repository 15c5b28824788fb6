"""Giving memory back between the parts of a chain."""

from __future__ import annotations

import contextlib
import ctypes
import gc

import torch


def release_memory() -> None:
    """Give freed memory back to the system: batches of many shapes leave the allocator with pieces that it keeps.

    On a GPU the cached blocks are freed; on the CPU glibc is asked to trim its heap (another C library has no such call).
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
