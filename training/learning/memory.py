"""Giving memory back between the parts of a chain."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import itertools

import torch

_settled = itertools.count()


def settle() -> None:
    """Leave what is loaded by the second chain of a process, libraries above all, out of what is looked through for garbage.

    To look through the modules of torch and transformers takes a quarter of a second, and a chain asks for it several times.
    The first chain has loaded them, and between two chains there is no model that would have to be freed some day.
    """
    if next(_settled) == 1:
        gc.collect()
        gc.freeze()


def release_memory() -> None:
    """Give freed memory back to the system: batches of many shapes leave the allocator with pieces that it keeps.

    On a GPU the cached blocks are freed; on the CPU glibc is asked to trim its heap (another C library has no such call).
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
