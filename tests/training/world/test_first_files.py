"""The files that the demo's measured numbers rest on: the same bytes, whatever tasks are added to the world."""

from __future__ import annotations

import hashlib
from pathlib import Path

from training.world.model import train_tokenizer

FIRST_FILES = dict(line.split("  ")[::-1] for line in Path(__file__).with_name("first_files.sha256").read_text().splitlines())
TOKENIZER = "0e8d5bf27f510cea948821d082b61e1bc06b6fb4cfb0f8001b579cf97255f1b2"


def test_first_files_are_the_bytes_they_were_measured_with(world: Path) -> None:
    found = {name: hashlib.sha256((world / name).read_bytes()).hexdigest() for name in FIRST_FILES}
    assert [name for name, digest in found.items() if FIRST_FILES[name] != digest] == []


def test_tokenizer_is_the_one_they_were_measured_with(world: Path) -> None:
    tokenizer = train_tokenizer(world).backend_tokenizer.to_str()
    assert hashlib.sha256(tokenizer.encode()).hexdigest() == TOKENIZER
