"""The cache with the mini world in it that launches of these tests share."""

from tests.sweep.conftest import cache

__all__ = ["cache"]
