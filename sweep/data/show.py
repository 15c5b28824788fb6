"""One task's data on a page: where from, what is there by split and language, what the checks found, an example."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from sweep.data.overview import task_overview
from training.data.checking import first_example
from training.data.known_issues import reason_of
from training.data.manifest import read_manifest
from training.data.units import leaf_rows
from training.errors import UserError
from training.files.codec import to_payload
from training.tasks.row import TaskRow


def task_payload(row: TaskRow, data: Path | None) -> dict[str, Any]:
    """Everything known of a task's data, for a program: overview, manifests of its parts, findings with their reasons."""
    payload = task_overview(row, data) | {"parts": [], "example": None, "unreadable": ""}
    if data is None:
        return payload
    for leaf in leaf_rows(row):
        manifest = read_manifest(data, leaf.name)
        if manifest is None:
            payload["parts"].append({"task": leaf.name, "manifest": None, "findings": []})
            continue
        findings = [to_payload(item) | {"known": reason_of(leaf.name, item)} for item in manifest.findings()]
        payload["parts"].append({"task": leaf.name, "manifest": to_payload(manifest), "findings": findings})
    try:
        payload["example"] = first_example(leaf_rows(row)[0], data)
    except UserError as fault:
        payload["unreadable"] = str(fault)
    return payload


def render_task(payload: dict[str, Any], grid: str | None = None) -> Iterator[Any]:
    """The page, part by part; `grid` is the one that the task was found with."""
    yield f"[bold]{escape(payload['task'])}[/bold] ({payload['kind'].replace('_', ' ')})"
    for name in ("source", "citation", "licence"):
        if payload[name]:
            yield f"{name}: {escape(payload[name])}"
    if payload["hub"]:
        yield f"on the hub: {escape(', '.join(dict.fromkeys(payload['hub'])))}"
    for name, files in payload["files"].items():
        paths = ", ".join(f"{split} {path}" for split, path in files.items())
        yield f"native files{f' of {name}' if name != payload['task'] else ''}: {escape(paths)}"
    yield f"languages: {escape(', '.join(payload['languages']))}"
    for part in payload["parts"]:
        yield from _render_part(part, grid)
    if payload["missing"]:
        yield f"missing: {escape(', '.join(payload['missing']))}"
    if payload["unreadable"]:
        yield f"[red]can't be read[/red]: {escape(payload['unreadable'])}"
    if payload["example"]:
        example = payload["example"]
        yield f"first example ({example['split']}, {example['language']}):"
        for name, text in example["fields"].items():
            yield f"  {name}: {escape(text)}"


def _render_part(part: dict[str, Any], grid: str | None) -> Iterator[Any]:
    manifest = part["manifest"]
    if manifest is None:
        command = shlex.join(["sweep", "data", "prepare", part["task"], *(("--grid", grid) if grid else ())])
        yield f"{escape(part['task'])} has no manifest: run `{escape(command)}` for counts and lengths"
        return
    if manifest["revision"]:
        yield f"{escape(part['task'])}: {escape(manifest['repository'])} at {manifest['revision']}"
    columns = ("split", "language", "from", "rows", "labels", "characters: median", "p99", "longest")
    table = Table(*columns, box=None, pad_edge=False)
    for split, languages in manifest["entries"].items():
        for language, entry in languages.items():
            text = entry["text"]
            lengths = (str(text["median"]), str(text["p99"]), str(text["maximum"]))
            table.add_row(split, language, entry["origin"], f"{entry['rows']:,}", escape(_labels(entry["labels"])), *lengths)
    yield table
    causes: dict[str, list[str]] = {}
    for place, cause in manifest["failed"].items():
        causes.setdefault(cause, []).append(place)
    for cause, places in causes.items():
        yield f"[red]failed[/red] {escape(', '.join(places))}: {escape(cause)}"
    yield from (escape(line) for line in _finding_lines(part["findings"]))


def _finding_lines(findings: list[dict[str, Any]]) -> Iterator[str]:
    """Findings of one check in one split on one line, with a case; leakage by where the rows are too."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for item in findings:
        where = item["case"] if item["check"].startswith("leakage") else ""
        groups.setdefault((item["check"], item["split"], item["known"], where), []).append(item)
    for (check, split, known, _), items in groups.items():
        counts = ", ".join(f"{item['language']} {item['count']:,}" for item in items)
        reason = f"\n  known: {known}" if known else ""
        case = f"\n  for example: {items[0]['case']}" if items[0]["case"] else ""
        yield f"{check} in {split}: {counts}{case}{reason}"


def _labels(labels: dict[str, int]) -> str:
    shown = [f"{label} {count:,}" for label, count in sorted(labels.items(), key=lambda item: -item[1])]
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")
