"""The driver's side of the train executor: a Ray Train run that is kept alive, and serves one leg after the other.

Ray Train takes 8 to 15 s to start a worker group, and each group brings five processes of its own. A session pays once for many
legs: `fit` runs in a thread of the Tune actor, its worker takes legs from the mailbox (the first one, where there are several:
`serving`). It ends, and gives its GPU back, when no
leg has come for `IDLE` seconds, when Tune ends the actor, or when its node is being taken away.

This module imports no torch: it runs in processes on the head, of which there is one a concurrent trial.
"""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train import UserCallback
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import ControllerCallback, WorkerGroupCallback
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweep.elastic.lasting import STEADY
from sweep.executors.mailbox import Mailbox

MAILBOX = "sweep-mailbox"
IDLE = 10.0
"""Seconds for which a session without work keeps its worker and its GPU."""
PATIENCE = 2.0
"""Seconds of one wait for an answer; then the driver looks whether its session is still there."""
BEAT = 3.0
"""Seconds between two signs of life of a driver."""
LAST_WAIT = 8.0
"""Seconds for which an actor that ends waits for its session to end; Tune kills it after 10."""
ANSWER = 60.0
"""Seconds that the mailbox may take to answer."""
RESTARTS = 50
"""Workers that a session may lose in its life; how many a leg may lose is counted by the mailbox."""
SETTINGS = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",
}
"""Read where `fit` is called. Workers watch for preemption themselves, which saves a process; an autoscaler needs minutes."""


@dataclass(frozen=True)
class Shared:
    """What the drivers of all legs know: the plan by reference (never read here), the run folder, and a worker's resources.

    The resources are by the label of a study; each of a trial's `workers` has them.
    """

    plan: tuple[Any, ...]
    run: str
    resources: dict[str, dict[str, float]]
    max_failures: int
    idle: float = IDLE
    workers: int = 1


class SessionLostError(RuntimeError):
    """Ray Train gave up a session while a leg was under way; Tune tries the leg again."""


def mailbox() -> Any:
    """This launch's mailbox, made by whoever is first; the launching process is, where `Cleaner` is among Tune's callbacks.

    It stays on its maker's machine: any other may be taken away, and every session would be lost with it.
    """
    maker: Any = ray.remote(Mailbox)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"name": MAILBOX, "get_if_exists": True, "num_cpus": 0, "max_concurrency": 4096, "scheduling_strategy": here}
    return maker.options(**options).remote()


class Silent(FixedScalingPolicy):
    """Asks the autoscaler for nothing: the launch does, for all sessions together (`sweep.elastic`).

    A wish of its own would be added to the launch's, and outlive a driver that is killed by three minutes.
    """

    def _send_resource_request(self) -> None:
        """Want nothing."""

    def _maybe_send_resource_request(self) -> None:
        """Want nothing."""

    def _cancel_resource_request(self) -> None:
        """There is nothing to take back."""


class Governor(ControllerCallback, WorkerGroupCallback):
    """Tells the mailbox which actor governs a session: whoever cleans up after it ends that one first.

    A controller whose driver is gone lives on for a moment; it takes the end of its worker for a loss, and would start another.
    """

    def __init__(self, mail: Any, session: str) -> None:
        self.mail, self.session = mail, session

    def after_controller_start(self, train_run_context: Any) -> None:
        """Called in Ray Train's controller, before it asks for a placement group."""
        self.mail.governed.remote(self.session, [ray.get_runtime_context().current_actor])

    def before_worker_group_start(self, worker_group_context: Any) -> None:
        """Called before it asks for a placement group; raises SessionLostError (RayError without a mailbox) at its end."""
        if not ray.get(self.mail.stands.remote(self.session), timeout=ANSWER):
            raise SessionLostError("the session has ended")


class LeanTrainer(DataParallelTrainer):
    """Ray Train without two processes that a chain has no use for: there are no Ray datasets, and the mailbox cleans up."""

    governors: tuple[Governor, ...] = ()

    def _initialize_and_run_controller(self, **parts: Any) -> Any:
        config: Any = self.scaling_config
        return super()._initialize_and_run_controller(**parts | {"scaling_policy": Silent(config)})

    def _create_default_callbacks(self) -> list[Any]:
        unused = (DatasetsCallback, PlacementGroupCleanerCallback)
        usual = super()._create_default_callbacks()
        return [*self.governors, *(callback for callback in usual if not isinstance(callback, unused))]


class Losses(UserCallback):
    """Tells the mailbox of lost workers; called in Ray Train's controller."""

    def __init__(self, mail: Any, session: str) -> None:
        self.mail, self.session = mail, session

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Count a loss, unless a node was taken away."""
        # The death of a worker comes wrapped in a failed health check.
        faults = [getattr(fault, "health_check_failure", fault) for fault in worker_exceptions.values()]
        preempted = any(getattr(fault, "preempted", False) for fault in faults)
        text = " ".join(str(faults[0]).split())[:300] if faults else "unknown"
        self.mail.lost.remote(self.session, text, preempted)


def _backend(workers: int) -> Any:
    """What has Ray Train make a process group of several workers (it imports torch); None for one worker, which needs none."""
    if workers == 1:
        return None
    from ray.train.torch import TorchConfig

    return TorchConfig()


def serve(config: dict[str, Any]) -> None:
    """What a session's worker runs; everything heavy is imported there."""
    from sweep.executors.serving import serve_legs

    serve_legs(config)


class Session:
    """One Ray Train run, whose workers hold `resources` each, and the thread that it runs in.

    Raises nothing at the start: faults come with the first answer.
    """

    def __init__(self, shared: Shared, mail: Any, resources: dict[str, float]) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        self.id, self.mail, self.error, self.resources = uuid.uuid4().hex[:8], mail, "", resources
        self._over = threading.Event()
        limits: dict[str, Any] = {"max_failures": RESTARTS, "controller_failure_limit": 3}
        listeners: list[Any] = [Losses(mail, self.id)]
        trainer = LeanTrainer(
            serve,
            train_loop_config={"plan": shared.plan, "mail": mail, "session": self.id, "idle": shared.idle},
            scaling_config=ray.train.ScalingConfig(
                num_workers=shared.workers, use_gpu=resources.get("GPU", 0) > 0, resources_per_worker=resources
            ),
            backend_config=_backend(shared.workers),
            run_config=ray.train.RunConfig(
                name=f"session-{self.id}",
                storage_path=str(Path(shared.run, "train")),
                failure_config=ray.train.FailureConfig(**limits),
                callbacks=listeners,
            ),
        )
        trainer.governors = (Governor(mail, self.id),)
        ray.get(mail.open.remote(self.id, trainer.train_run_context.run_id, shared.max_failures, STEADY in resources))
        for work in (lambda: self._fit(trainer), self._beat):
            threading.Thread(target=work, name=f"session-{self.id}", daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether Ray Train has ended it."""
        return self._over.is_set()

    def run(self, leg: dict[str, Any]) -> dict[str, Any] | None:
        """The worker's answer to a leg, or None when the session has closed before; raises SessionLostError."""
        if not ray.get(self.mail.post.remote(self.id, leg)):
            return None
        while True:
            over = self.over
            answer: dict[str, Any] | None = ray.get(self.mail.collect.remote(self.id, PATIENCE))
            if answer is not None:
                return answer
            if over:
                raise SessionLostError(self.error or "Ray Train ended before the leg was done")

    def close(self) -> None:
        """End the session, and wait for it for a moment."""
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(self.mail.close.remote(self.id))
            self._over.wait(LAST_WAIT)

    def _fit(self, trainer: LeanTrainer) -> None:
        ended = self.mail.end
        try:
            trainer.fit()
        except Exception as error:
            self.error, ended = str(error), self.mail.broke
        finally:
            self._over.set()
            with contextlib.suppress(ray.exceptions.RayError):
                ray.get(ended.remote(self.id))

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            with contextlib.suppress(ray.exceptions.RayError):
                ray.get(self.mail.beat.remote(self.id))
