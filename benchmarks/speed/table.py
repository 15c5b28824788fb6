"""The table of ratios, and what it was measured with."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "transformers", "accelerate", "numpy", "pyarrow")


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One line: how many times better, by medians, minima, and processor time; `number` is the row of the table of aims.

    `value` is None where nothing could be measured, and `note` says why. `unit` is "x", or "%" for shares.
    """

    number: int
    name: str
    value: float | None
    best: float | None = None
    processor: float | None = None
    aim: float | None = None
    unit: str = "x"
    note: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> str:
        """Whether the aim is reached, by medians."""
        if self.aim is None or self.value is None:
            return "–"
        return "yes" if self.value >= self.aim else "no"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A further table, as it is printed."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass
class Report:
    """All that one command measured."""

    title: str
    command: str
    made_with: Mapping[str, str]
    ratios: list[Ratio] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, found: Sequence[Ratio | Table]) -> None:
        """More of it."""
        self.ratios += [item for item in found if isinstance(item, Ratio)]
        self.tables += [item for item in found if isinstance(item, Table)]

    def markdown(self) -> Iterator[str]:
        """The page, line by line."""
        yield f"# {self.title}\n"
        yield f"Made by `{self.command}`. " + "; ".join(f"{name} {value}" for name, value in self.made_with.items()) + ".\n"
        for note in self.notes:
            yield f"* {note}"
        for fault in self.failed:
            yield f"* **failed**: {fault}"
        yield "\n## Ratios\n"
        columns = ("#", "ratio", "aim", "medians", "minima", "processor time", "reached", "note")
        yield from lines_of(columns, [_cells(ratio) for ratio in sorted(self.ratios, key=lambda ratio: ratio.number)])
        for table in self.tables:
            yield f"\n## {table.title}\n"
            if table.note:
                yield f"{table.note}\n"
            yield from lines_of(table.columns, table.rows)

    def write(self, json_path: Path | None, markdown_path: Path | None) -> None:
        """Write what was asked for."""
        if json_path:
            json_path.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        if markdown_path:
            markdown_path.write_text("\n".join(self.markdown()) + "\n", encoding="utf-8")


def lines_of(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """A markdown table; numbers are rounded to three digits."""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(rounded(cell) for cell in row) + " |"


def rounded(cell: Any) -> str:
    """A number with three significant digits (whole ones whole), anything else as it is."""
    if cell is None:
        return "–"
    if not isinstance(cell, float):
        return f"{cell:,}" if isinstance(cell, int) else str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"


def _cells(ratio: Ratio) -> list[Any]:
    sign = " %" if ratio.unit == "%" else ""
    aim = None if ratio.aim is None else f"≥ {rounded(ratio.aim)}{sign}"
    values = [None if value is None else rounded(value) + sign for value in (ratio.value, ratio.best, ratio.processor)]
    return [ratio.number, ratio.name, aim, *values, ratio.reached, ratio.note]


def made_with(device: torch.device) -> dict[str, str]:
    """Device, versions and load of this machine."""
    found = {"device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()}
    found |= {"threads": str(torch.get_num_threads()), "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    if device.type == "cuda":
        found["CUDA"] = str(torch.version.cuda)
    found["load before"] = f"{os.getloadavg()[0]:.1f}"
    return found


def _processor() -> str:
    kinds = Path("/proc/cpuinfo")
    named = [line.partition(":")[2].strip() for line in kinds.read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {named[0] if named else platform.machine()}"
