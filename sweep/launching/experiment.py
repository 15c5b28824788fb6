"""One Tune experiment over all the legs of a sweep: Ray is started or found, and Tune runs what the search hands out.

Each launch is a fresh experiment. What is finished is known from records, settings from Optuna's storage, trained phases from
the store; nothing of Tune's own state is kept, so there is none that a kill could leave half-written.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from sweep.planning.plan import Plan, executor_of
from training.errors import UserError

if TYPE_CHECKING:
    from sweep.elastic.publishing import Elastic
    from sweep.launching.callbacks import Ears, StopWhenOver
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

OVERLOADED = "The current node timed out during startup"
"""What Ray says where the machine has no time for its start."""


def share_gpus(plan: Plan) -> tuple[Plan, list[str]]:
    """A plan whose trials have their shares of a GPU, and lines that say which; the cluster, where there is one, is asked.

    Raises UserError where a trial does not fit a GPU, or its share of one.
    """
    if not plan.grid.resources.gpu:
        return plan, []
    import ray

    from sweep.elastic.joining import to_come
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


def run_experiment(plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver) -> None:
    """Run every leg that the board hands out, until there is none or the stopper says so.

    Raises UserError on a cluster on which no trial could ever run.
    """
    for name, value in RAY_QUIET.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.tune

    from sweep.elastic.joining import places_for
    from sweep.executors.choice import trainable
    from sweep.executors.cleaning import Cleaner
    from sweep.executors.keeping import kept_actors
    from sweep.launching.interrupts import interrupting
    from sweep.search.searcher import PairSearcher

    executor, cleaner = executor_of(plan), Cleaner()
    elastic: Elastic | None = None
    start_ray()
    try:
        fits, elastic = places_for(plan, board, ears, stopper)
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


def start_ray() -> None:
    """Connect to the cluster of `RAY_ADDRESS`, or start Ray in this process; raises UserError where it is of no use."""
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a lost worker is told by `Ears`, in one line
    if ray.is_initialized():
        return
    if os.environ.get("RAY_ADDRESS"):
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env={"env_vars": RAY_QUIET})
        except (ValueError, ConnectionError) as error:
            remedy = "set RAY_ADDRESS to auto on the head of a cluster, or to HOST:PORT; without it this machine is used"
            raise UserError("RAY_ADDRESS names no Ray that can be used", type(error).__name__, remedy) from error
    else:
        start_here(resources={"trial_driver": 1000})


def start_here(**words: Any) -> None:
    """Start Ray on this machine, once more where it was not up in the 30 s that it gives itself; `words` are `ray.init`'s.

    Raises UserError where it was not up the second time either.
    """
    import ray

    for last in (False, True):
        try:
            ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, **words)
            return
        except Exception as error:  # Ray's own has no name
            if OVERLOADED not in str(error):
                raise
            ray.shutdown()
            if last:
                remedy = "the machine is busy, or out of memory: give the same command again when it is not"
                raise UserError("Ray did not start in its time", str(error).partition(".")[0], remedy) from error
