"""MLflow mirrors the records: one parent run a sweep, one run a trial, one logged model a trial's final weights.

* The mirror is a function of the records: it may be thrown away, and `sweep sync` writes it again.
* A run is found by the tags of its sweep and its trial, else created. The digest of the record is written last, so a run
  without it was interrupted: it is deleted and written anew; a run with the record's digest is left alone.
* Weights stay where they are: a model names its phase's folder. Small ones are put beside the run as artifacts too.
* Nothing that MLflow does, or fails to do, reaches the sweep.
"""

from sweep.tracking.background import MirrorQueue
from sweep.tracking.mirror import SyncReport, Tracker, open_tracker, sync
from sweep.tracking.place import SweepMeta, TrackingError, default_uri, read_meta, ui_command

__all__ = [
    "MirrorQueue",
    "SweepMeta",
    "SyncReport",
    "Tracker",
    "TrackingError",
    "default_uri",
    "open_tracker",
    "read_meta",
    "sync",
    "ui_command",
]
