"""One Tune experiment over all the legs of a sweep: Ray is started or found, and Tune runs what the search hands out.

Each launch is a fresh experiment. What is finished is known from records, settings from Optuna's storage, trained phases from
the store; nothing of Tune's own state is kept, so there is none that a kill could leave half-written.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweep.elastic.nodes import HEAD, Offer, places_on
from sweep.planning.plan import Plan
from sweep.planning.room import Machine, Room, machines_of
from sweep.preflight import check_fits, check_resources, node_resources
from training.errors import UserError

if TYPE_CHECKING:
    from sweep.callbacks import Ears, StopWhenOver
    from sweep.elastic.publishing import Elastic
    from sweep.search.board import Board

RAY_QUIET = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "600",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def executor_of(plan: Plan) -> str:
    """`train` on GPUs and for several workers a trial, `inline` elsewhere, unless the grid or the command says otherwise.

    Raises UserError where it says `inline` of several workers.
    """
    resources = plan.grid.resources
    if resources.workers > 1 and resources.executor == "inline":
        seen = f"{resources.workers} workers"
        raise UserError("several workers a trial need the executor train", seen, "use --executor train")
    if resources.executor != "auto":
        return str(resources.executor)
    return "train" if resources.gpu or resources.workers > 1 else "inline"


def with_shares(plan: Plan) -> tuple[Plan, list[str]]:
    """A plan whose trials have their shares of a GPU, and lines that say which; the cluster, where there is one, is asked.

    Raises UserError where a trial does not fit a GPU, or its share of one.
    """
    if not plan.grid.resources.gpu:
        return plan, []
    import ray

    from sweep.planning.sharing import shared_out

    ours = not ray.is_initialized()
    if ours and not os.environ.get("RAY_ADDRESS"):
        return shared_out(plan)
    start_ray()
    try:
        return shared_out(plan, [*(nodes := ray.nodes()), *to_come(nodes)])
    except UserError:
        if ours:
            ray.shutdown()
        raise


def to_come(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `ray.nodes()` may show besides `nodes` once the autoscaler has started all that it may."""
    from sweep.elastic.nodes import cluster_offer

    offer = cluster_offer(nodes) if os.environ.get("RAY_ADDRESS") else None
    types = offer.types if offer else ()
    return [{"Alive": True, "Resources": dict(kind.resources)} for kind in types for _ in range(kind.most)]


def run_experiment(plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver) -> None:
    """Run every leg that the board hands out, until there is none or the stopper says so.

    Raises UserError on a cluster on which no trial could ever run.
    """
    for name, value in RAY_QUIET.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.tune

    from sweep.executors.choice import trainable
    from sweep.executors.cleaning import Cleaner
    from sweep.executors.keeping import kept_actors
    from sweep.interrupts import interrupting
    from sweep.search.searcher import PairSearcher

    executor, cleaner = executor_of(plan), Cleaner()
    elastic: Elastic | None = None
    start_ray()
    try:
        fits, elastic = _places_for(plan, board, ears, stopper)
        callbacks = [ears, cleaner, *([elastic] if elastic else [])]
        tuner = ray.tune.Tuner(
            trainable(plan, executor),
            tune_config=ray.tune.TuneConfig(
                metric="score",
                mode="max",
                search_alg=PairSearcher(board, elastic.expecting if elastic else lambda: False),
                num_samples=-1,
                max_concurrent_trials=fits,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: str(trial.config["leg"]),
                trial_name_creator=lambda trial: str(trial.config["leg"]),
            ),
            run_config=ray.tune.RunConfig(
                name="tune",
                storage_path=str(plan.run),
                stop=stopper,
                verbose=0,
                callbacks=callbacks,
                failure_config=ray.tune.FailureConfig(max_failures=plan.grid.resources.max_failures),
                checkpoint_config=ray.tune.CheckpointConfig(checkpoint_at_end=False),  # Tune's: there is nothing in it
            ),
        )
        with kept_actors(), interrupting(stopper.request):
            tuner.fit()
    finally:
        if elastic is not None:
            elastic.close()
        cleaner.close()
        ray.shutdown()


def _places_for(plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver) -> tuple[int, Elastic | None]:
    """How many trials may run at once, with gates over the nodes that hold them; where nodes may come, with who asks for them.

    Raises UserError on a cluster on which no trial could ever run.
    """
    import ray

    from sweep.elastic.nodes import cluster_offer
    from sweep.executors.choice import trial_resources

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
    if offer and offer.types:
        return fits, _elastic(plan, board, ears, stopper, fits)
    if resources.gpu and resources.workers == 1:  # whole GPUs on any machines: their number is all that counts
        board.gates = (*board.gates, Room(machines_of(nodes), resources.cpu, plan.gpus_of))
    return fits, None


def _elastic(plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver, fits: int) -> Elastic:
    """Who asks the autoscaler for nodes; a gate over those that are up joins the board's."""
    import ray

    from sweep.elastic.demand import Demand
    from sweep.elastic.publishing import Elastic, nodes_up
    from sweep.elastic.room import ChangingRoom
    from sweep.executors.choice import trial_resources

    resources, room = plan.grid.resources, None

    def machines() -> list[Machine]:
        return machines_of(nodes_up(ray.nodes()), 1 if resources.gpu else 0)

    if resources.workers == 1:
        room = ChangingRoom(machines(), resources.cpu, plan.gpus_of)
        board.gates = (*board.gates, room)
    demand = Demand(board, fits, room, closed=lambda: stopper.request.request is not None)
    return Elastic(
        demand,
        bundles=lambda ask: [trial_resources(plan, ask.spec)] * resources.workers,
        machines=machines,
        say=ears.view.say,
        meanwhile=lambda: ears.on_step_begin(0, []),
    )


def _places(wanted: Mapping[str, float], nodes: list[Mapping[str, float]], offer: Offer | None) -> int:
    """How many workers that hold `wanted` fit the machines at once: all that may be up, where an autoscaler starts them."""
    up = sum(places_on(node, wanted) for node in nodes)
    return max(up, sum(places_on(node, wanted) for node in nodes if HEAD in node) + offer.places(wanted)) if offer else up


def start_ray() -> None:
    """Connect to the cluster of `RAY_ADDRESS`, or start Ray in this process."""
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a lost worker is told by `Ears`, in one line
    if ray.is_initialized():
        return
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env={"env_vars": RAY_QUIET})
    else:
        ray.init(
            address="local",
            resources={"trial_driver": 1000},
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
