"""`sweep launch`: from a grid to its transfer table, in one Tune experiment; the same command again goes on where it was.

What is finished is known from records, settings from Optuna's storage, trained phases from the store. Nothing else is restored:
each launch is a fresh Tune experiment over what is left, so there is no state that a kill could leave half-written.
"""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from typing import Any

from rich.console import Console

from search_spaces.reading import load_grid
from sweep.options import LaunchOptions
from sweep.outcome import current_records, mark_of, print_outcome
from sweep.planning.plan import Plan, make_plan
from sweep.preflight import check_data, check_resources, node_resources
from sweep.runfolder import hold, open_run, read_mark, refuse_foreign, write_mark
from sweep.sources import resolve_models, resolve_sources
from sweep.tidy import readable_records, remove_leftovers
from training.record import Status, TrialRecord

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
INTERRUPTED = 130


def prepare(options: LaunchOptions, *, read_data: bool = False) -> Plan:
    """Read the grid, find models and data; raises UserError or Faults on anything the user can mend.

    `read_data` has every example read, so that all faults of all files are told at once.
    """
    grid = load_grid(options.grid)
    if options.executor:
        grid = grid.model_copy(update={"resources": grid.resources.model_copy(update={"executor": options.executor})})
    sources = resolve_sources(grid, options.data)  # first: to look for a model on the hub takes time
    models = resolve_models(grid, options.models)
    if read_data:
        check_data(grid, sources)
    return make_plan(grid, models, sources, options.folder.resolve())


def executor_of(plan: Plan) -> str:
    """`train` on GPUs, `inline` elsewhere, unless the grid or the command says otherwise."""
    asked = plan.grid.resources.executor
    return str(asked) if asked != "auto" else ("train" if plan.grid.resources.gpu else "inline")


def launch(options: LaunchOptions, console: Console | None = None) -> int:
    """Run a grid to its end; returns the exit code (0 done, 1 with failed trials or a fatal fault, 130 interrupted).

    Everything that can be checked is checked before the run folder is touched; raises UserError or Faults on what does not fit.
    """
    console = console or Console()
    began = time.monotonic()
    try:
        refuse_foreign(options.folder.resolve(), load_grid(options.grid).name)
        plan = prepare(options, read_data=True)
        with hold(plan.run):
            write_mark(plan.run, mark_of(plan, open_run(plan.run, plan.grid.name)))
            remove_leftovers(plan.run)
            code = _search(plan, _records(plan, console), console)
            print_outcome(plan, console, time.monotonic() - began)
            return code
    except KeyboardInterrupt:
        _say_interrupted(console)
        return INTERRUPTED


def _say_interrupted(console: Console) -> None:
    console.print("stopped; what is finished is kept. The same command goes on from here.", highlight=False)


def _records(plan: Plan, console: Console) -> list[TrialRecord]:
    """Records of earlier launches; says which were damaged."""
    records, damaged = readable_records(plan.run)
    for line in damaged:
        console.print(line, style="yellow", highlight=False, markup=False)
    return records


def _search(plan: Plan, records: list[TrialRecord], console: Console) -> int:
    """Open the studies, start Ray and run what is left."""
    from sweep.search.board import Board
    from sweep.search.study import open_storage
    from sweep.tracking import MirrorQueue, open_tracker
    from sweep.watch.progress import ProgressView

    url = os.environ.get("SWEEP_OPTUNA_STORAGE") or f"sqlite:///{plan.run / 'optuna.db'}"
    board = Board.open(plan, open_storage(url), records, read_mark(plan.run).sweep)
    warn = partial(console.print, style="yellow", highlight=False, markup=False)
    queue = MirrorQueue(open_tracker(plan.run), warn=warn)
    view = ProgressView(plan, console, done=sum(len(book.scores) for book in board.books))
    fatal = ""
    try:
        for record in records:
            queue.put(record)
        if board.finished:
            console.print("nothing to run: every trial of this grid has its record", highlight=False)
        else:
            fatal = _tune(plan, board, queue, view)
    finally:
        view.close()
        queue.close(timeout=120.0)
    if fatal:
        console.print(f"error: {fatal}", style="red", highlight=False, markup=False)
        return 1
    if not board.finished:
        _say_interrupted(console)
        return INTERRUPTED
    remove_leftovers(plan.run)
    return 1 if any(record.status is Status.FAILED for record in current_records(plan.run, read_mark(plan.run))) else 0


def _tune(plan: Plan, board: Any, queue: Any, view: Any) -> str:
    """One Tune experiment over all open trials; returns a fatal fault's text, or nothing."""
    for name, value in RAY_QUIET.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.tune

    from sweep.callbacks import Ears, StopWhenFatal
    from sweep.search.searcher import PairSearcher
    from sweep.trial import INLINE, run_trial

    executor = executor_of(plan)
    start_ray(executor)
    try:
        resources = plan.grid.resources
        wanted = {"CPU": resources.cpu} | ({"GPU": resources.gpu} if resources.gpu else {})
        nodes = node_resources(ray.nodes())
        check_resources(wanted, nodes)
        fits = sum(int(min(node.get(name, 0.0) // amount for name, amount in wanted.items())) for node in nodes)
        at_once = max(1, min(resources.trials_at_once or fits, fits))
        stopper = StopWhenFatal()
        tuner = ray.tune.Tuner(
            ray.tune.with_resources(
                ray.tune.with_parameters(run_trial, plan=plan, executor=executor),
                wanted if executor == INLINE else driver_resources(),
            ),
            tune_config=ray.tune.TuneConfig(
                metric="score",
                mode="max",
                search_alg=PairSearcher(board),
                num_samples=-1,
                max_concurrent_trials=at_once,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: str(trial.config["trial"]),
                trial_name_creator=lambda trial: str(trial.config["trial"]),
            ),
            run_config=ray.tune.RunConfig(
                name="tune",
                storage_path=str(plan.run),
                stop=stopper,
                verbose=0,
                callbacks=[Ears(plan, board, queue, view)],
                failure_config=ray.tune.FailureConfig(max_failures=resources.max_failures),
            ),
        )
        tuner.fit()
        return stopper.fatal or view.fatal
    finally:
        ray.shutdown()


def driver_resources() -> dict[str, float]:
    """What the driver of a `train` trial holds: a token of the head, never a CPU or a GPU."""
    return {"trial_driver": 1}


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
            include_dashboard=executor == "train",
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
