"""Several small trials on one GPU: the share that a trial of each study gets, from the memory it needs and the GPU's.

A share is 1/k, so that k trials that need as much, with a margin, fit one GPU. Shares of different studies may meet on one GPU:
their sum is at most 1, so their needs fit it too. Nothing is shared that need not be: there are never more trials on a GPU than
it takes to have all that can be ready at once on the GPUs there are. The micro-batch is the grid's. A process is kept to its
share (`training.learning.peaks.keep_to_share`), so one that needs more runs out of memory alone, and halves its micro-batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sweep.planning.gpus import GB, Gpu, gigabytes, gpus_here, gpus_of_nodes, trials_a_gpu
from sweep.planning.memory import need_of
from sweep.planning.plan import Plan
from sweep.planning.remedies import check_memory
from sweep.planning.studies import StudySpec
from training.learning.peaks import Peaks

MARGIN = 1.1
"""How much more than its need a trial that shares a GPU is given: allocators leave gaps, and some batch is the longest."""
MOST = 8
"""Trials on one GPU, at most: each has a CUDA context and a process on the host, and more of them gain little."""
UNKNOWN = "nobody tells the GPU's memory: write `resources.gpu_memory` in the grid, or plan with --gpu NAME:GB"


@dataclass(frozen=True)
class Share:
    """What a trial of a study gets: `gpus`, and of how many trials a GPU that is one; `why` says what it follows from.

    `need` are the bytes of the GPU that it is known to take, 0 where nobody asked.
    """

    gpus: float
    trials: int
    why: str
    need: int = 0

    @property
    def said(self) -> str:
        """`4 trials a GPU (measured 9.1 GB of 39.3 GB)`."""
        return f"{self.trials} trial{'s' if self.trials > 1 else ''} a GPU ({self.why})"


def shares_of(plan: Plan, gpu: Gpu | None, count: int = 1) -> dict[str, Share]:
    """The share of each study by its label, on `count` GPUs such as `gpu` (None: nothing is known of them); nothing on the CPU.

    Raises UserError where a trial does not fit into its share, or into the whole GPU, even one example at a time.
    """
    if not plan.grid.resources.gpu:
        return {}
    seen, peaks, useful = _sized(plan, gpu), Peaks.read(plan.notes), -(-most_at_once(plan) // max(1, count))
    return {spec.label: _share(plan, spec, seen, peaks, useful) for spec in plan.studies}


def most_at_once(plan: Plan) -> int:
    """How many trials of a plan can be ready at once: a round of each study with every seed, or what the grid says."""
    rounds = sum(min(plan.grid.search.at_once, plan.settings_of(spec)) for spec in plan.studies)
    return min(rounds * len(plan.grid.seeds), plan.grid.resources.trials_at_once or 1 << 30)


def with_shares(plan: Plan, shares: Mapping[str, Share]) -> Plan:
    """A plan whose trials have these shares."""
    return replace(plan, shares={label: share.gpus for label, share in shares.items()})


def shared_out(plan: Plan, nodes: list[dict[str, Any]] | None = None) -> tuple[Plan, list[str]]:
    """A plan whose trials have their shares, on a cluster (`ray.nodes()`; None: on this machine), and what to say of it.

    Raises UserError as `shares_of` does.
    """
    shares = shares_of(plan, *(gpus_here() if nodes is None else gpus_of_nodes(nodes)))
    return with_shares(plan, shares), share_lines(plan, shares)


def share_lines(plan: Plan, shares: Mapping[str, Share]) -> list[str]:
    """A line for each share and model: of the studies of one line the share of the one that needs most is told."""
    groups: dict[tuple[str, int], list[Share]] = {}
    for spec in plan.studies:
        if spec.label in shares:
            groups.setdefault((spec.model, shares[spec.label].trials), []).append(shares[spec.label])
    lines = []
    for (model, _), found in sorted(groups.items(), key=lambda item: (item[0][0], -item[0][1])):
        whose = f"{model}, {len(found)} stud{'y' if len(found) == 1 else 'ies'}: " if len(groups) > 1 else ""
        lines.append(f"sharing: {whose}{max(found, key=lambda share: share.need).said}")
    return lines


def _sized(plan: Plan, gpu: Gpu | None) -> Gpu:
    """The GPU with the memory that the grid states, where nobody else tells it for certain."""
    found, stated = gpu or Gpu(), plan.grid.resources.gpu_memory
    if stated is None or found.exact:
        return found
    size = int(stated * GB)
    return replace(found, memory=min(size, found.most) if found.most else size)


def _share(plan: Plan, spec: StudySpec, gpu: Gpu, peaks: Peaks, useful: int) -> Share:
    resources = plan.grid.resources
    if not resources.shares_itself_out:
        gpus = resources.gpus_by_hand
        if gpu.memory:
            part = min(1.0, gpus)
            check_memory(plan, spec, gpu.memory * part, gpu.said if part == 1 else f"{part:g} of {gpu.said}")
        return Share(gpus * resources.workers, trials_a_gpu(gpus), f"`resources.gpu` is {gpus:g}")
    if not gpu.memory:
        return Share(1.0, 1, UNKNOWN)
    check_memory(plan, spec, gpu.memory, gpu.said)
    need = need_of(plan, spec, peaks)
    fitting = max(1, min(MOST, int(gpu.memory / (need.total * MARGIN))))
    trials = min(fitting, useful)
    why = f"{need.said} of {gigabytes(gpu.memory)}{f', {gpu.name}' if gpu.name else ''}"
    if need.total > gpu.memory:
        why += ": the micro-batch will be halved until it fits"
    if trials < fitting:
        why += ": more are never ready at once"
    return Share(_part(trials), trials, why, need.total)


def _part(trials: int) -> float:
    """1/k in Ray's precision of four places, rounded down so that k of them are never more than one."""
    return (10_000 // trials) / 10_000
