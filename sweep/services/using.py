"""How a launch on this machine comes to its services, and what it leaves with them at its end."""

from __future__ import annotations

import os

from sweep.services.place import place_here, read_environment, read_settings
from training.errors import UserError


def take_up() -> None:
    """Have a launch use this machine's services, where it has any; variables that the user has set win."""
    try:
        found = read_environment(place_here())
    except UserError:  # said by `sweep services`; without any, its path is no fault
        return
    for name, value in found.items():
        os.environ.setdefault(name, value)


def keep_databases() -> str:
    """Make a backup at the end of a sweep that used the services; returns what is to be told of it."""
    try:
        place = place_here()
        used = read_environment(place).get("SWEEP_OPTUNA_STORAGE")
        settings = read_settings(place)
        if not used or settings is None or os.environ.get("SWEEP_OPTUNA_STORAGE") != used:
            return ""
        from sweep.services.backups import make_backup
        from sweep.services.shelf import shelf_of

        return f"backup {make_backup(place, shelf_of(settings.store)).name} of the databases is in {settings.store}"
    except UserError as fault:
        return f"the databases were not backed up ({fault.cause}: {fault.value}); the next backup has them"
