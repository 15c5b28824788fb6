"""The worker's side of the train executor: takes legs from the mailbox until there are none, in one process."""

from __future__ import annotations

import os
import traceback
from typing import Any

import ray

from sweep.planning.plan import Plan
from sweep.preemption import Notice, noticing, this_node
from sweep.trial import run_leg


def serve_legs(config: dict[str, Any]) -> None:
    """Serve until the session is idle or closed, or this node is about to be taken away.

    A fault of our own goes to the driver as text, and the worker serves on: what is broken is the leg, not the process.
    """
    mail, session = config["mail"], config["session"]
    plan: Plan = ray.get(config["plan"][0])
    group = ray.util.get_current_placement_group()
    place = (group.id.hex() if group else "", os.getpid())
    with noticing(Notice(this_node())) as notice:
        while not notice.taken:
            leg = ray.get(mail.take.remote(session, *place, config["idle"]))
            if leg is None:
                return
            ray.get(mail.answer.remote(session, _answer(plan, leg, notice)))
        ray.get(mail.close.remote(session))


def _answer(plan: Plan, leg: dict[str, Any], notice: Notice) -> dict[str, Any]:
    try:
        with notice.training():
            return run_leg(plan, leg, notice.given)
    except Exception:
        return {"fault": traceback.format_exc()}
