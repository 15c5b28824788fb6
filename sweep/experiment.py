"""One Tune experiment over all the legs of a sweep: Ray is started or found, and Tune runs what the search hands out.

Each launch is a fresh experiment. What is finished is known from records, settings from Optuna's storage, trained phases from
the store; nothing of Tune's own state is kept, so there is none that a kill could leave half-written.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from sweep.planning.plan import Plan
from sweep.preflight import check_fits, check_resources, node_resources

if TYPE_CHECKING:
    from sweep.callbacks import Ears, StopWhenOver
    from sweep.search.board import Board

RAY_QUIET = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "600",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def executor_of(plan: Plan) -> str:
    """`train` on GPUs, `inline` elsewhere, unless the grid or the command says otherwise."""
    asked = plan.grid.resources.executor
    return str(asked) if asked != "auto" else ("train" if plan.grid.resources.gpu else "inline")


def run_experiment(plan: Plan, board: Board, ears: Ears, stopper: StopWhenOver) -> None:
    """Run every leg that the board hands out, until there is none or the stopper says so.

    Raises UserError on a cluster on which no trial could ever run.
    """
    for name, value in RAY_QUIET.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.tune

    from sweep.executors.choice import trainable, trial_resources
    from sweep.executors.cleaning import Cleaner
    from sweep.executors.keeping import kept_actors
    from sweep.search.searcher import PairSearcher

    executor, cleaner = executor_of(plan), Cleaner()
    start_ray(executor)
    try:
        resources = plan.grid.resources
        wanted = trial_resources(plan)
        nodes = node_resources(ray.nodes())
        check_resources(wanted, nodes)
        check_fits(plan, nodes)
        fits = sum(int(min(node.get(name, 0.0) // amount for name, amount in wanted.items())) for node in nodes)
        tuner = ray.tune.Tuner(
            trainable(plan, executor),
            tune_config=ray.tune.TuneConfig(
                metric="score",
                mode="max",
                search_alg=PairSearcher(board),
                num_samples=-1,
                max_concurrent_trials=max(1, min(resources.trials_at_once or fits, fits)),
                reuse_actors=True,
                trial_dirname_creator=lambda trial: str(trial.config["leg"]),
                trial_name_creator=lambda trial: str(trial.config["leg"]),
            ),
            run_config=ray.tune.RunConfig(
                name="tune",
                storage_path=str(plan.run),
                stop=stopper,
                verbose=0,
                callbacks=[ears, cleaner],
                failure_config=ray.tune.FailureConfig(max_failures=resources.max_failures),
                checkpoint_config=ray.tune.CheckpointConfig(checkpoint_at_end=False),  # Tune's: there is nothing in it
            ),
        )
        with kept_actors():
            tuner.fit()
    finally:
        cleaner.close()
        ray.shutdown()


def start_ray(executor: str) -> None:
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
