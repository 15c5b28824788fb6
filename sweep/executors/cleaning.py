"""Nothing is left behind: what dead sessions hold in the cluster is given back while a sweep runs, and at its end.

Ray Train gives back a session's placement group and its autoscaler request when it ends in an orderly way. When its driver is
killed, it does neither: the group stays until the job ends, and the request asks for nodes for three more minutes (ray #54305,
#58515).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from typing import Any

import ray
import ray.tune
from ray._private.state import state
from ray._raylet import PlacementGroupID
from ray.core.generated import gcs_pb2
from ray.util.placement_group import PlacementGroup, placement_group_table, remove_placement_group

from sweep.executors.mailbox import SILENCE
from sweep.executors.session import mailbox

COORDINATOR = "AutoscalingCoordinator"
INTERVAL = 10.0
"""Seconds between two looks for dead sessions."""
LATE = 1.0
"""Seconds after which nothing comes any more of a controller that was ended."""
WAIT = 10.0
"""Seconds that a call to an actor may take."""


class Cleaner(ray.tune.Callback):
    """Tune's callback that owns the mailbox (so that it lives as long as the launch), and cleans up after dead sessions.

    Call `close` before `ray.shutdown`; it is harmless to call it twice.
    """

    def __init__(self) -> None:
        self.mail: Any = None
        self._looked = time.monotonic()
        self._governors: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks; ours is made anew at each launch."""
        return {"mail": None, "_looked": 0.0, "_governors": set()}

    def setup(
        self, stop: Any = None, num_samples: int | None = None, total_num_samples: int | None = None, **info: Any
    ) -> None:
        """The experiment begins."""
        self.mail = mailbox()

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Look for dead sessions now and then."""
        if time.monotonic() - self._looked >= INTERVAL:
            self._looked = time.monotonic()
            self.clean(SILENCE)

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Every driver has ended by now."""
        self.close()

    def clean(self, silence: float) -> int:
        """Give back what sessions hold whose drivers were silent for so many seconds; returns how many there were."""
        if self.mail is None:
            return 0
        with contextlib.suppress(ray.exceptions.RayError):
            found: dict[str, tuple[str, list[str], list[Any]]] = ray.get(self.mail.orphans.remote(silence), timeout=WAIT)
            for session, (run_id, groups, controller) in found.items():
                ray.get(self.mail.end.remote(session), timeout=WAIT)  # nothing of it starts any more
                cancel_request(run_id)
                for actor in controller:
                    end_controller(actor)
                    self._governors.add(actor._actor_id.hex())
                for group in groups:
                    remove_group(group)
            self._remove_late()
            return len(found)
        return 0

    def _remove_late(self) -> None:
        """Remove groups that controllers asked for between their session's end and their own."""
        for group in groups_made_by(self._governors):
            remove_group(group)

    def close(self) -> None:
        """Give back what every session still holds, and end the mailbox."""
        if self.clean(0.0):
            time.sleep(LATE)
            self._remove_late()
        if self.mail is not None:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(self.mail)
            self.mail = None


def end_controller(controller: Any) -> None:
    """End a session's controller, and wait until the cluster takes it for dead; its process may outlive that by moments."""
    ray.kill(controller)
    with contextlib.suppress(ray.exceptions.RayError):
        ray.get(controller.__ray_ready__.remote(), timeout=WAIT)


def groups_made_by(actors: Collection[str]) -> list[str]:
    """Ids of the placement groups that actors (their ids, hexadecimal) made and that are not removed.

    Ray's public table leaves their maker out (a test holds the private one).
    """
    messages: Any = gcs_pb2
    table = messages.PlacementGroupTableData
    rows = [table.FromString(row) for row in state._connect_and_get_accessor().get_placement_group_table()]
    return [row.placement_group_id.hex() for row in rows if row.creator_actor_id.hex() in actors and row.state != table.REMOVED]


def cancel_request(run_id: str) -> None:
    """Cancel what a Ray Train run asked the autoscaler for, where it did (a private interface that a test holds)."""
    with contextlib.suppress(ValueError, ray.exceptions.RayError):
        coordinator = ray.get_actor(COORDINATOR, namespace=COORDINATOR)
        ray.get(coordinator.cancel_request.remote(requester_id=f"train-{run_id}"), timeout=WAIT)


def open_groups() -> dict[str, str]:
    """Placement groups that are not removed: id -> state."""
    table = placement_group_table()
    return {name: str(entry["state"]) for name, entry in table.items() if entry["state"] != "REMOVED"}


def remove_group(group: str) -> None:
    """Remove a placement group by its id (hexadecimal), unless it is gone."""
    if group in open_groups():
        with contextlib.suppress(ray.exceptions.RayError):
            remove_placement_group(PlacementGroup(PlacementGroupID(bytes.fromhex(group))))
