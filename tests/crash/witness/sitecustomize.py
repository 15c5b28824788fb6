"""Python runs this first in every process that has this folder on its path: the processes of a sweep that is to be disturbed.

Modules of the project are looked at as they are imported, so that nothing in the project itself knows of it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

if os.environ.get("SWEEP_CRASH_WITNESS"):
    import outage
    import witness

    class _Finder(MetaPathFinder):
        """Finds the modules that are looked at, as everyone else does, and has the witness change what they define."""

        def __init__(self, changes: dict[str, Callable[[ModuleType], None]]) -> None:
            self.changes = changes

        def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
            change = self.changes.pop(name, None)
            spec = importlib.util.find_spec(name) if change else None
            if change is None or spec is None or spec.loader is None:
                return None
            run = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                change(module)

            spec.loader.exec_module = exec_module
            return spec

    sys.meta_path.insert(0, _Finder(dict(witness.CHANGES)))
    outage.install()
