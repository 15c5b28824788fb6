"""Run folders of machines that have a bucket in common and nothing else."""

from __future__ import annotations

from pathlib import Path

from sweep.bucket.files import Note, address_of, objects_of, put_changed, stamps, take_up
from sweep.runfolder import hold
from tests.sweep.plans import study_of
from tests.sweep.runs import begun, record_of
from tests.training.bucket import ADDRESS, Server
from training.record import TrialRecord, write_record
from training.stores.objects import ObjectStore

NAME = "all"
BELOW = f"study/runs/{NAME}"


def objects(run: Path) -> ObjectStore:
    return objects_of(ADDRESS, run)


def folder(place: Path) -> Path:
    """The run folder of another machine."""
    run = place / NAME
    with hold(run):
        return run


def recorded(run: Path, number: int = 0, score: float = 50.0) -> TrialRecord:
    """Mark a run folder and leave a record in it."""
    plan = begun(run)
    record = record_of(plan, study_of(plan, "mini.none.mini_udpos"), number, score)
    write_record(run, record)
    return record


def put(run: Path) -> int:
    """One pass of a launch's keeper."""
    found = objects(run)
    return put_changed(found, Note.read(run, found.address))


def take(run: Path) -> int:
    return take_up(objects(run), run)


def content(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in stamps(run)}


def there(server: Server) -> dict[str, bytes]:
    """The files of the run folder in the bucket."""
    client = server.client()
    names = [name for name in server.names() if name.startswith(f"{BELOW}/") and not name.endswith("lease.json")]
    assert address_of(ADDRESS, Path(NAME)).endswith(BELOW)
    return {name.removeprefix(f"{BELOW}/"): client.get_object(Bucket="phases", Key=name)["Body"].read() for name in names}
