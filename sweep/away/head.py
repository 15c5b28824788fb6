"""What runs on the head of a cluster when a job of `sweep.away` does: a verb of `sweep`, or the packing of a run folder.

Relative folders of its command (`--run runs/all`, `--data data`) are below the base: `SWEEP_BASE` of the head's environment,
else /mnt/sweep, which `cluster.yaml` mounts on every machine, else the home folder.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from reports.ranking.keeping import FILE as RANKINGS
from sweep.away.keeper import END
from sweep.away.words import KNOWN, PACK
from training.errors import UserError

BASE, MOUNTED = "SWEEP_BASE", Path("/mnt/sweep")
KEPT = Path(".sweep") / "grids"


def base_folder() -> Path:
    """Where relative folders begin on this machine; it is made. Raises UserError where it can't be."""
    named = os.environ.get(BASE, "")
    mounted = MOUNTED.is_dir() and os.access(MOUNTED, os.W_OK)
    folder = Path(named).expanduser() if named else MOUNTED if mounted else Path.home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the base folder of the head can't be made: {error.strerror}", folder, f"correct {BASE}") from error
    return folder.absolute()


def keep_grid(shipped: Path, base: Path) -> Path:
    """Copy a shipped grid, with its task files, to where it outlives the job; returns the copy, the same for equal files."""
    files = {path.name: path.read_bytes() for path in sorted(shipped.parent.iterdir()) if path.is_file()}
    whole = hashlib.sha256(json.dumps({name: hashlib.sha256(files[name]).hexdigest() for name in files}).encode())
    folder = base / KEPT / whole.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    from training.files.storage import write_atomically

    for name, content in files.items():
        if not (folder / name).is_file():
            write_atomically(folder / name, content)
    return folder / shipped.name


def place_signals(shipped: Path, words: Sequence[str]) -> None:
    """Put the signals of `sweep rank` that came along into the run folder that a launch's words name, unless it has its own.

    Raises StoreError where it can't be written.
    """
    from training.files.storage import write_atomically

    place = dict(itertools.pairwise(words)).get("--run")
    if words[:1] == ["launch"] and place and shipped.is_file():
        own = Path(place).expanduser() / shipped.name
        if not own.exists():
            write_atomically(own, shipped.read_bytes())


def main(words: Sequence[str]) -> None:
    """Run a verb of `sweep` on the head, `pack RUN` or `end-cluster JOB RUN`; leaves with its exit code."""
    package = Path.cwd()
    sys.path.insert(0, str(package))
    try:
        base = base_folder()
        placed = [str(keep_grid(package / word, base)) if word.startswith("shipped_grids/") else word for word in words]
        os.chdir(base)
        place_signals(package / RANKINGS, placed)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from error
    if placed[:1] == [PACK]:
        from sweep.away.bundle import pack_to

        pack_to(Path(placed[1]).expanduser(), package / KNOWN, sys.stdout.buffer)
        return
    if placed[:1] == [END]:
        from sweep.away.keeper import watch_here

        watch_here(placed[1], Path(placed[2]).expanduser())
        return
    from sweep.cli import main as sweep

    sweep(placed, prog_name="sweep")


if __name__ == "__main__":
    main(sys.argv[1:])
