"""Tune's actors are kept while a search waits, so that the next trial starts in one that is up.

Tune keeps one idle actor and ends the others. A search over phases that trials share has moments in which several workers have
nothing to do, and each would pay for a new process afterwards. After `patience` seconds an idle actor is ended, and gives back
what it holds; at once, where a trial that asks for other resources waits for an actor.

Tune also hands the launching process's AWS credentials to every actor as a part of its runtime environment, which Ray writes to
its logs and, for a moment, to a command line. Nodes have credentials of their own (docs/STORAGE.md), so it is kept from that.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from typing import Any

import ray.tune.execution.class_cache as class_cache
import ray.tune.execution.tune_controller as controller
from ray.tune.utils.object_cache import _ObjectCache

PATIENCE = 60.0
"""Seconds for which an idle actor is kept."""


class PatientCache(_ObjectCache):
    """Keeps every idle actor for a while; Tune's own (private) cache keeps one."""

    def __init__(self, may_keep_one: bool = True, patience: float = PATIENCE) -> None:
        super().__init__(may_keep_one)
        self._patience = patience
        self._since: dict[int, float] = {}

    def cache_object(self, key: Any, obj: Any) -> bool:
        """Keep an idle actor; True as always."""
        self._cached_objects[key].append(obj)
        self._num_cached_objects += 1
        self._since[id(obj)] = time.monotonic()
        return True

    def flush_cached_objects(self, force_all: bool = False) -> Generator[Any, None, None]:
        """The actors to be ended: those that were idle for long, those in another's way, or all of them."""
        latest = time.monotonic() - self._patience
        waiting = {key for key, count in self._max_num_objects.items() if count > 0 and not self._cached_objects[key]}
        for key, objects in self._cached_objects.items():
            at_once = force_all or (bool(waiting - {key}) and self._max_num_objects[key] <= 0)
            for obj in [obj for obj in objects if at_once or self._since.get(id(obj), 0.0) <= latest]:
                objects.remove(obj)
                self._num_cached_objects -= 1
                self._since.pop(id(obj), None)
                yield obj


@contextlib.contextmanager
def kept_actors() -> Iterator[None]:
    """While a Tune experiment is made and run, its idle actors are kept, and none is handed credentials."""
    own, handed = vars(controller), vars(class_cache)
    before, sent = own["_ObjectCache"], handed["ENV_VARS_TO_PROPAGATE"]
    own["_ObjectCache"] = PatientCache
    handed["ENV_VARS_TO_PROPAGATE"] = {name for name in sent if not name.startswith("AWS_")}
    try:
        yield
    finally:
        own["_ObjectCache"], handed["ENV_VARS_TO_PROPAGATE"] = before, sent
