"""Tune's trainable of the train executor: a thin process on the head that passes legs to a session and reports its answers.

It holds no GPU, no CPU and no torch. Tune uses the actor again for the next leg, and with it the session.
"""

from __future__ import annotations

from typing import Any

import ray
import ray.tune

from sweep.elastic.lasting import with_steady
from sweep.executors.mailbox import MOVE
from sweep.executors.session import Session, Shared, mailbox

FULL_DISK = "No space left on device"


class TrialDriver(ray.tune.Trainable):
    """Runs one leg a step; every leg is one step long."""

    def setup(self, config: dict[str, Any], shared: Shared | None = None) -> None:
        """Called once a process."""
        assert shared is not None
        self.leg, self.shared, self.mail = config, shared, mailbox()
        self.session: Session | None = None

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next leg; the session stays."""
        self.leg = new_config
        return True

    def step(self) -> dict[str, Any]:
        """Run the leg; returns its report. Raises SessionLostError, and RuntimeError where the worker met a bug."""
        answer = self._answered()
        if "fault" in answer:
            raise RuntimeError(f"the worker of {self.leg['trial']} met a fault:\n{answer['fault']}")
        if "given_up" in answer:
            answer = self._given_up(answer["given_up"])
        return {**answer, "done": True}

    def cleanup(self) -> None:
        """Tune ends this process: give the GPU back first."""
        if self.session is not None:
            self.session.close()

    def _answered(self) -> dict[str, Any]:
        plain = self.shared.resources[self.leg["study"]]
        steady = ray.get(self.mail.choose.remote(float(self.leg.get("seconds", 0.0))))
        while True:
            wanted = with_steady(plain) if steady else plain
            if self.session is not None and self.session.resources != wanted:
                self.session.close()
                self.session = None
            if self.session is None or self.session.over:
                self.session = Session(self.shared, self.mail, wanted)
            try:
                answer = self.session.run(self.leg)
            except RuntimeError as error:
                if FULL_DISK in str(error):
                    return self._fatal("no space left on the run folder's disk; free some, then give the same command again")
                raise
            if answer is not None and MOVE not in answer:
                return answer
            if (
                answer is not None
            ):  # to a machine that stays, or from waiting for one to any; the leg goes on from its checkpoint
                steady = not steady
            self.session.close()
            self.session = None

    def _given_up(self, reason: str) -> dict[str, Any]:
        """Write the record of a leg that was lost too often; only here the plan is needed."""
        from sweep.trial import give_up_record, report_of

        return report_of(self.leg, give_up_record(ray.get(self.shared.plan[0]), self.leg, reason))

    def _fatal(self, text: str) -> dict[str, Any]:
        return {"trial": self.leg["trial"], "leg": self.leg["leg"], "score": float("-inf"), "failed": True, "fatal": text}
