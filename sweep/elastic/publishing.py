"""The sweep's demand, told to the autoscaler ahead of time, and withdrawn by whoever is left when the launch is not.

Ray keeps one wish for the whole cluster, which the last one to speak overwrites. Its coordinator, a detached actor, adds up the
wishes of many and forgets one that is not repeated in time. So the launch repeats its own, and when it is killed, nobody has to
withdraw it. Sessions ask for nothing themselves (`sweep.executors.session`): what they run is in the launch's wish.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import ray
import ray.tune

from sweep.elastic.demand import Demand
from sweep.elastic.nodes import Amounts
from sweep.elastic.preemption import draining_nodes
from sweep.elastic.watching import Watched
from sweep.planning.room import Machine
from sweep.search.board import Ask

LOOK = 1.0
"""Seconds between two looks at the nodes and the search."""
EXPIRY = 45.0
"""Seconds after which a wish that was not repeated counts for nothing; the coordinator looks every 20."""
REPEAT = 10.0
"""Seconds between two repetitions."""
WAIT = 10.0
"""Seconds that a call to an actor may take."""
LONG = 300.0
"""Seconds without the nodes that were asked for after which it is said."""


class Wish:
    """What this launch wants of the autoscaler; `coordinator` makes or finds Ray's (a private interface that a test holds)."""

    def __init__(self, coordinator: Callable[[], Any] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = f"sweep-{uuid.uuid4().hex[:12]}"
        self._coordinator, self._clock = coordinator or _coordinator, clock
        self._actor: Any = None
        self._bundles: list[dict[str, float]] = []
        self._told = float("-inf")

    def tell(self, bundles: list[dict[str, float]]) -> None:
        """Want a cluster that holds these bundles all at once (nothing: whatever it has); repeated as long as it is called."""
        changed, now = bundles != self._bundles, self._clock()
        if not changed and (not bundles or now - self._told < REPEAT):
            return
        self._actor = self._actor or self._coordinator()
        self._bundles, self._told = bundles, now
        if bundles:
            self._actor.request_resources.remote(requester_id=self.name, resources=bundles, expire_after_s=EXPIRY)
        else:
            self._actor.cancel_request.remote(requester_id=self.name)

    def withdraw(self) -> None:
        """Want nothing any more, and wait until it is known."""
        if self._actor is not None:
            with contextlib.suppress(ray.exceptions.RayError, ray.exceptions.GetTimeoutError):
                ray.get(self._actor.cancel_request.remote(requester_id=self.name), timeout=WAIT)
            self._bundles = []


class Elastic(ray.tune.Callback):
    """Tune's callback that tells the search which nodes are up, and the autoscaler which the search could use.

    `bundles` are what the workers of a trial hold, by its leg; `machines` reads the nodes that are up; `say` tells the user;
    `watched` knows which legs ask for machines that stay (None: there are none); `meanwhile` is done
    while nothing runs at all, when Tune calls no callbacks.
    """

    def __init__(
        self,
        demand: Demand,
        bundles: Callable[[Ask], list[dict[str, float]]],
        machines: Callable[[], list[Machine]],
        say: Callable[[str], None] = lambda text: None,
        meanwhile: Callable[[], None] = lambda: None,
        wish: Wish | None = None,
        clock: Callable[[], float] = time.monotonic,
        watched: Watched | None = None,
    ) -> None:
        self.watched = watched
        self.demand, self.bundles, self.machines, self.say, self._clock = demand, bundles, machines, say, clock
        self.meanwhile = meanwhile
        self.wish = wish or Wish()
        self._looked, self._since = float("-inf"), clock()

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks; ours is made anew at each launch."""
        return {}

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Look at the nodes and at the search, now and then."""
        if self._clock() - self._looked >= LOOK:
            self._looked = self._clock()
            with contextlib.suppress(ray.exceptions.RayError):  # a head that is busy, or away for a moment, ends no sweep
                self.look()

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Nothing more will run."""
        self.close()

    def look(self) -> None:
        """Take in the nodes that are up, and tell what could be used."""
        room = self.demand.room
        if room is not None and room.renew(self.machines()):
            self.demand.board.ask_again()
        if self.watched is not None:
            self.watched.look()
        legs = self.demand.legs()
        self.wish.tell([dict(bundle) for ask in legs for bundle in self._wanted(ask)])
        self._complain(len(legs))

    def expecting(self) -> bool:
        """Whether a leg waits for nodes that may still come; while nothing runs, this is all that Tune asks, once a second."""
        room = self.demand.room
        waiting = room is not None and bool(room.turned_away)  # asked before a look, which offers them again
        self.on_step_begin(0, [])
        self.meanwhile()
        return waiting and not self.demand.closed()

    def close(self) -> None:
        """Withdraw the wish; harmless to call twice."""
        self.wish.withdraw()
        if self.watched is not None:
            watched, self.watched = self.watched, None
            watched.close()

    def _wanted(self, ask: Ask) -> list[dict[str, float]]:
        bundles = self.bundles(ask)
        return self.watched.bundles(ask.leg, bundles) if self.watched is not None else bundles

    def _complain(self, legs: int) -> None:
        """Say it where nothing runs because no node comes."""
        if not legs or self.demand.board.running:
            self._since = self._clock()
        elif self._clock() - self._since >= LONG:
            self._since = self._clock()
            self.say(f"{legs} trials wait for machines, and none has come in {LONG / 60:.0f} min: `ray status` says why")


def nodes_up(nodes: list[dict[str, Any]], draining: Mapping[str, int] | None = None) -> list[Amounts]:
    """Resources of the nodes (`ray.nodes()`) that are up and not about to be taken away (`draining`: by id)."""
    going = draining_nodes() if draining is None else draining
    return [node["Resources"] for node in nodes if node.get("Alive") and node["NodeID"] not in going]


def _coordinator() -> Any:
    from ray.data._internal.cluster_autoscaler.default_autoscaling_coordinator import get_or_create_autoscaling_coordinator

    return get_or_create_autoscaling_coordinator()
