"""An uninterrupted sweep of this machine alone, to compare with."""

from tests.sweep.conftest import cache, reference

__all__ = ["cache", "reference"]
