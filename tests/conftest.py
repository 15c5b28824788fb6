"""What all tests share: no example of a property has a deadline, since machines are busy at times."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
