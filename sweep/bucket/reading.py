"""Looking at a sweep in a bucket from any machine that may read it: its files are brought, and verbs read them as ever.

No cluster is asked. What a sweep does at this moment (its running trials) is not in the bucket, only what it has finished.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from pathlib import Path

import click

from sweep.amounts import several
from sweep.bucket.files import NOTE, Note, take_up
from sweep.bucket.lease import LEASE, SILENT, read_lease
from sweep.options import RUNS, cache_folder
from sweep.runfolder import ELSEWHERE, MARK, hold, is_held, runs_elsewhere
from sweep.steering.requests import STOP
from training.errors import UserError
from training.files.storage import write_atomically
from training.stores.claims import claim
from training.stores.objects import ObjectStore, checked, open_objects


def brought(address: str) -> Path:
    """The copy of a run folder at an address, below the cache folder, as it is there now, or goes on here.

    Raises UserError where there is none, StoreError where the store refuses or does not answer.
    """
    objects = _run_at(address)
    folder = cache_folder().absolute() / RUNS / hashlib.sha256(objects.address.encode()).hexdigest()[:12]
    run = folder / objects.address.rpartition("/")[2]
    with claim(folder, "bringing", poll=0.2):
        try:
            with hold(run):
                take_up(objects, run)
                _note_holder(objects, run)
        except UserError:
            if not is_held(run):
                raise
    return run


def fetch_shown(address: str, to: Path | None) -> None:
    """Bring a run folder's files from a bucket to `to` (else runs/NAME), and say what came.

    Raises UserError where there is none, and on a folder that holds something else.
    """
    objects = _run_at(address)
    run = to or RUNS / objects.address.rpartition("/")[2]
    there = [path.name for path in run.iterdir() if not path.name.startswith(".")] if run.is_dir() else []
    if there and not _is_copy(run, objects.address):
        raise UserError("the folder holds what is not of this address", run, "give a new folder with --to: nothing was touched")
    with hold(run):
        came = take_up(objects, run)
        _note_holder(objects, run)
    click.echo(f"{several(came, 'record')} came from {objects.address}: {run}")
    click.echo(f"look at it: sweep table --run {shlex.quote(str(run))}")


def pass_on_stop(run: Path) -> bool:
    """Leave the request to stop that was written into a copy where its launch hears of it; whether `run` is such a copy.

    Raises StoreError.
    """
    if not runs_elsewhere(run):
        return False
    address = str(json.loads((run / NOTE).read_bytes())["address"])
    open_objects(checked(address)).write(STOP, (run / STOP).read_bytes())
    (run / STOP).unlink()
    return True


def _run_at(address: str) -> ObjectStore:
    objects = open_objects(checked(address))
    if objects.impatient().look(MARK) is None:
        remedy = "give the address of a store, /runs/ and the name of a run folder: s3://BUCKET/FOLDER/runs/NAME"
        raise UserError("there is no run folder at this address", objects.address, remedy)
    return objects


def _is_copy(run: Path, address: str) -> bool:
    return bool(Note.read(run, address).files)


def _note_holder(objects: ObjectStore, run: Path) -> None:
    """Note whether a launch goes on with the files: by the store's clock and this machine's, which may differ a little."""
    seen, lease = objects.look(LEASE), read_lease(objects)
    if seen is not None and lease is not None and time.time() - seen.changed / 1e9 < 2 * SILENT:
        write_atomically(run / ELSEWHERE, lease.holder.encode() + b"\n")
    else:
        (run / ELSEWHERE).unlink(missing_ok=True)
