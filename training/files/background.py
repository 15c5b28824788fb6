"""Work of which one piece at a time is done in a thread, and whose faults are raised where it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread


class Background:
    """Does one thing at a time while its owner goes on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._thread: Thread | None = None
        self._fault: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, action: Callable[[], None]) -> None:
        """Do `action` beside what follows; what is under way is waited for first. Raises what that raised."""
        self.wait()
        self._thread = Thread(target=self._do, args=(action,), name=self.name, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what was raised since this was last asked; nothing is waited for."""
        if not self.busy:
            self.wait()

    def wait(self) -> None:
        """Wait until nothing is under way; raises what was raised there."""
        fault = self.settle()
        if fault is not None:
            raise fault

    def settle(self) -> BaseException | None:
        """Wait until nothing is under way, and return its fault instead of raising it."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        fault, self._fault = self._fault, None
        return fault

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:
            self._fault = error
