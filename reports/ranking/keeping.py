"""Signals of a run folder, kept for its report: `rankings.json`, one entry a model and target, the latest of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from reports.ranking.judging import Signals
from training.errors import UserError
from training.files.codec import from_payload
from training.files.storage import read_bytes, write_atomically

FILE = "rankings.json"
SCHEMA = 1


def keep_signals(run: Path, signals: Sequence[Signals]) -> None:
    """Put signals beside those that are kept; raises StoreError where they can't be written."""
    known = {(one.model, one.target): one for one in [*kept_signals(run), *signals]}
    content = {"schema": SCHEMA, "signals": [asdict(one) for _, one in sorted(known.items())]}
    write_atomically(run / FILE, json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")


def kept_signals(run: Path) -> list[Signals]:
    """What is kept; nothing where the file is not there or can't be read, since it can be made again."""
    try:
        payload = json.loads(read_bytes(run / FILE))
        if payload["schema"] != SCHEMA:
            return []
        return [from_payload(Signals, one, FILE) for one in payload["signals"]]
    except (OSError, ValueError, KeyError, TypeError, UserError):
        return []
