"""Optuna's trials, made and copied quickly: a search of ten thousand trials makes twice as many."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""The time of a trial that only a sampler sees."""


class SettingTrial(FrozenTrial):
    """A trial whose copies share its distributions, which nobody changes."""

    def __deepcopy__(self, memo: dict[int, Any]) -> SettingTrial:
        """A copy with dictionaries of its own: to copy the distributions too would take most of a search's time."""
        made = copy.copy(self)
        made._params, made._distributions = dict(self._params), dict(self._distributions)
        made._user_attrs, made._system_attrs = dict(self._user_attrs), dict(self._system_attrs)
        made.intermediate_values = dict(self.intermediate_values)
        return made


def now() -> datetime:
    """The time as Optuna writes it: local, and without a zone."""
    return datetime.now(UTC).astimezone().replace(tzinfo=None)


def trial_of(
    setting: Mapping[str, Any],
    spaces: dict[str, BaseDistribution],
    state: TrialState = TrialState.RUNNING,
    *,
    number: int = -1,
    value: float | None = None,
    reached: Mapping[int, float] | None = None,
    time: datetime = LONG_AGO,
) -> FrozenTrial:
    """The trial of a setting drawn from `spaces`, with its scores at rungs: as of `create_trial`, but nothing is checked."""
    return SettingTrial(
        number=number,
        state=state,
        value=value,
        datetime_start=time,
        datetime_complete=time if state.is_finished() else None,
        params=dict(setting),
        distributions=spaces,
        user_attrs={},
        system_attrs={},
        intermediate_values=dict(reached or {}),
        trial_id=-1,
    )
