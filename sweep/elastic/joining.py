"""How a launch joins a cluster: how much room there is, or may be, and who asks the autoscaler for what is not up yet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import ray

from sweep.elastic.demand import Demand
from sweep.elastic.nodes import HEAD, Amounts, Offer, cluster_offer, places_on
from sweep.elastic.publishing import Elastic, nodes_up
from sweep.elastic.room import ChangingRoom
from sweep.elastic.watching import Watched, steady_places
from sweep.executors.choice import TRAIN, driver_resources, trial_resources
from sweep.executors.session import mailbox
from sweep.planning.plan import Plan, executor_of
from sweep.planning.preflight import check_fits, check_resources, node_resources
from sweep.planning.room import Machine, Room, machines_of
from training.errors import UserError

if TYPE_CHECKING:
    from sweep.launching.callbacks import Ears, StopWhenOver
    from sweep.search.board import Board


def to_come(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `ray.nodes()` may show besides `nodes` once the autoscaler has started all that it may."""
    offer = cluster_offer(nodes) if os.environ.get("RAY_ADDRESS") else None
    types = offer.types if offer else ()
    return [{"Alive": True, "Resources": dict(kind.resources)} for kind in types for _ in range(kind.most)]


def places_for(plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver) -> tuple[int, Elastic | None]:
    """How many trials may run at once, with gates over the nodes that hold them; where nodes may come, with who asks for them.

    Raises UserError on a cluster on which no trial could ever run.
    """
    resources, nodes = plan.grid.resources, node_resources(ray.nodes())
    offer = cluster_offer(ray.nodes()) if os.environ.get("RAY_ADDRESS") else None
    types = offer.types if offer else ()
    wanted = [trial_resources(plan, study) for study in plan.studies]
    for each in wanted:
        check_resources(each, nodes, types)
    check_fits(plan, nodes, types)
    fits = max(_places(each, nodes, offer) for each in wanted) // resources.workers
    if not fits:
        raise UserError(
            "the machines of this cluster can't run a trial together",
            f"{resources.workers} workers, each with {wanted[0]}",
            "lower `resources.workers` in the grid, or add machines",
        )
    fits = min(resources.trials_at_once or fits, fits)
    if executor_of(plan) == TRAIN:
        fits = min(fits, driver_places(plan, nodes))
    if offer and offer.types:
        steady = max(steady_places(each, nodes, offer) for each in wanted) // resources.workers
        return fits, _elastic(plan, board, ears, stopper, fits, steady)
    if resources.gpu and resources.workers == 1:  # whole GPUs on any machines: their number is all that counts
        board.gates = (*board.gates, Room(machines_of(nodes), resources.cpu, plan.gpus_of))
    return fits, None


def _elastic(plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver, fits: int, steady: int) -> Elastic:
    """Who asks the autoscaler for nodes; a gate over those that are up joins the board's."""
    resources, room = plan.grid.resources, None

    def machines() -> list[Machine]:
        return machines_of(nodes_up(ray.nodes()), 1 if resources.gpu else 0)

    if resources.workers == 1:
        room = ChangingRoom(machines(), resources.cpu, plan.gpus_of)
        board.gates = (*board.gates, room)
    watched = Watched(mailbox(), plan.run, steady, ears.view.say) if steady else None
    demand = Demand(
        board,
        fits,
        room,
        closed=lambda: stopper.request.request is not None,
        waiting=lambda: watched is not None and watched.waiting,
    )
    return Elastic(
        demand,
        bundles=lambda ask: [trial_resources(plan, ask.spec)] * resources.workers,
        machines=machines,
        say=ears.view.say,
        meanwhile=lambda: ears.on_step_begin(0, []),
        watched=watched,
    )


def driver_places(plan: Plan, nodes: list[Amounts]) -> int:
    """How many drivers of trials of the executor `train` the nodes that are up hold at once.

    Raises UserError where they hold none, since Tune would wait for ever.
    """
    token = max((driver_resources(plan, study) for study in plan.studies), key=lambda held: max(held.values()))
    found = sum(places_on(node, token) for node in nodes)
    if not found:
        remedy = "start its head with: ray start --head --resources='{\"trial_driver\": 16}' (so many trials at once, at most)"
        raise UserError("no machine of this cluster holds the drivers of trials", "none has the resource trial_driver", remedy)
    return found


def _places(wanted: Amounts, nodes: list[Amounts], offer: Offer | None) -> int:
    """How many workers that hold `wanted` fit the machines at once: all that may be up, where an autoscaler starts them."""
    up = sum(places_on(node, wanted) for node in nodes)
    return max(up, sum(places_on(node, wanted) for node in nodes if HEAD in node) + offer.places(wanted)) if offer else up
