"""Writing safetensors files; a module of its own, so that reading records needs no torch."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file and flush it to disk; raises OSError, where the library hides a full disk in its own error.

    The library writes to a nameless temporary file first, which a kill leaves behind. So it gets a folder beside `path` that is
    called `<name>.tmp`: what clears leftovers sees from its name whose it is.
    """
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    room = path.with_name(f"{path.name}.tmp")
    room.mkdir()
    try:
        save_file(whole, str(room / path.name), metadata=dict(metadata))
        open_as_its_folder(room / path.name)
        with (room / path.name).open("rb") as stream:
            os.fsync(stream.fileno())
        (room / path.name).replace(path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error
    finally:
        shutil.rmtree(room, ignore_errors=True)


def open_as_its_folder(path: Path) -> None:
    """Let those read a file who may read its folder: the library makes files that their owner alone can read.

    A store that several people share would be of no use to the others.
    """
    path.chmod(path.parent.stat().st_mode & 0o666)
