"""The workers' side of the train executor: legs from the mailbox until there are none, in one process or in a team.

The first worker of a team takes the legs, walks their chains and answers; the others take part in the phases that it orders.
"""

from __future__ import annotations

import os
import traceback
from typing import Any

import ray
import ray.train

from sweep.elastic.preemption import Notice, noticing, this_node
from sweep.masking import mask_logs
from sweep.planning.plan import Plan
from sweep.trial import run_leg
from training.teams.assist import assist
from training.teams.team import ALONE, Team, TeamLostError, form


def serve_legs(config: dict[str, Any]) -> None:
    """Serve until the session is idle or closed, or a node of it is about to be taken away.

    A fault of our own goes to the driver as text, and the worker serves on: what is broken is the leg, not the process. A team
    that has lost a worker is broken: it ends with TeamLostError, and Ray Train starts another.
    """
    mask_logs()
    with noticing(Notice(this_node())) as notice:
        team = form(notice.given) if ray.train.get_context().get_world_size() > 1 else ALONE
        if team.leads:
            _lead(config, notice, team)
        else:
            assist(team, notice.training)


def _lead(config: dict[str, Any], notice: Notice, team: Team) -> None:
    mail, session = config["mail"], config["session"]
    plan: Plan = ray.get(config["plan"][0])
    group = ray.util.get_current_placement_group()
    place = (group.id.hex() if group else "", os.getpid())
    while not (notice.taken or team.noticed):
        leg = ray.get(mail.take.remote(session, *place, config["idle"]))
        if leg is None:
            break
        ray.get(mail.answer.remote(session, _answer(plan, leg, notice, team)))
    else:
        ray.get(mail.close.remote(session))
    team.send_home()


def _answer(plan: Plan, leg: dict[str, Any], notice: Notice, team: Team) -> dict[str, Any]:
    try:
        with notice.training():
            return run_leg(plan, leg, lambda: notice.given() or team.noticed, team)
    except TeamLostError:
        raise
    except Exception:
        return {"fault": traceback.format_exc()}
