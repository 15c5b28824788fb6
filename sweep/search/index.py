"""What the search knows of the store: which nodes are there, and which are being trained by another sweep."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from training.errors import StoreError
from training.files.storage import FLEETING
from training.stores.behind import PHASES, TRUNKS
from training.stores.store import PhaseStore

EVERY = 2.0
"""Seconds between two looks at what is behind the store."""
TICK = 100_000_000
"""Nanoseconds for which a folder may change again without another time of change: until then it is listed anew."""
LATER = 20.0
"""Seconds more, where it did not answer: the search does not stand still for it."""


class PhaseIndex(Protocol):
    """Nodes by key: phases, and trunks as far as `<trunk key>@<epochs>`."""

    def has(self, key: str) -> bool:
        """Whether a node is stored."""

    def claimed(self, key: str) -> bool:
        """Whether a process trains it now."""

    def refresh(self) -> Iterable[str]:
        """Look again; returns the keys that have come since the last look."""


class MemoryIndex:
    """A store that is only a set of keys, for simulations and counts."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self.keys = set(keys)
        self._fresh: list[str] = []

    def has(self, key: str) -> bool:
        """Whether the key was added."""
        return key in self.keys

    def claimed(self, key: str) -> bool:
        """Never: nobody else is there."""
        return False

    def refresh(self) -> list[str]:
        """The keys added since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def add(self, key: str) -> None:
        """Put a node into the store."""
        if key not in self.keys:
            self.keys.add(key)
            self._fresh.append(key)

    def remove(self, key: str) -> None:
        """Lose a node."""
        self.keys.discard(key)


class StoreIndex:
    """The phases and trunks of a store on disk, listed again only when its folders have changed; nothing is verified here."""

    def __init__(self, store: PhaseStore) -> None:
        self.store = store
        self._seen: dict[Path, int] = {}
        self._keys: dict[Path, frozenset[str]] = {}
        self._asked = float("-inf")

    def has(self, key: str) -> bool:
        """Whether a node was there at the last look."""
        return any(key in keys for keys in self._keys.values())

    def claimed(self, key: str) -> bool:
        """Whether a process holds the node's claim; where the storage does not answer, it may, and is asked again."""
        try:
            return self.store.claimed(key.partition("@")[0])
        except StoreError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in FLEETING:
                return True
            raise

    def refresh(self) -> set[str]:
        """List what has changed; returns the keys that are new. What does not answer is as it was at the last look."""
        fresh: set[str] = set()
        for folder, sign in ((self.store.root, "--"), (self.store.root / ".trunks", "@")):
            with contextlib.suppress(OSError):
                changed = folder.stat().st_mtime_ns
                if self._seen.get(folder) == changed:
                    continue
                known = self._keys.get(folder, frozenset())
                self._keys[folder] = frozenset(_key(path, sign) for path in folder.iterdir() if sign in path.name)
                if time.time_ns() - changed > TICK:
                    self._seen[folder] = changed
                fresh |= self._keys[folder] - known
        return fresh | self._refresh_behind()

    def _refresh_behind(self) -> set[str]:
        """The same of what is behind the store, which is asked now and then only."""
        fresh: set[str] = set()
        if time.monotonic() - self._asked < EVERY:
            return fresh
        self._asked, behind = time.monotonic(), self.store.behind
        if behind is None:
            return fresh
        try:
            for place in (Path(PHASES), Path(TRUNKS)):
                known = self._keys.get(place, frozenset())
                self._keys[place] = behind.keys(place.name)
                fresh |= self._keys[place] - known
        except StoreError:
            self._asked = time.monotonic() + LATER
        return fresh


def _key(path: Path, sign: str) -> str:
    """Of `<name>--<key>`, or of `<trunk key>@<epochs>.safetensors`."""
    return path.name.rpartition(sign)[2] if sign == "--" else path.name.removesuffix(".safetensors")
