"""Where the numbers come from: code, packages, data digests, machines, seeds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from reports.page.facts import Facts
from reports.page.section import Section
from training.record import Status, TrialRecord

CODE = "code and machines"
ORDER = (CODE, "device", "package", "data")


def provenance_section(facts: Facts) -> Section:
    """What records say of how they were made; values that differ between trials are counted."""
    records = facts.records
    values = {
        "counts": [(str(status), count) for status in Status if (count := sum(one.status is status for one in records))],
        "waiting": facts.waiting,
        "trials": facts.trials,
        "grid": facts.grid,
        "seeds": sorted({record.seed for record in records}),
        "models": sorted({record.model for record in records}),
        "started": _range(records),
        "hours": sum(facts.hours(record, record.timing.get("seconds", 0.0)) for record in records),
        "unit": facts.unit,
        "groups": _groups(records),
    }
    return Section(anchor="provenance", title="Provenance", template="provenance.html", values=values)


def _range(records: Sequence[TrialRecord]) -> tuple[str, str] | None:
    """When the first and the last trial began, as the records say."""
    begun = sorted(record.started for record in records if record.started)
    return (begun[0], begun[-1]) if begun else None


def _groups(records: Sequence[TrialRecord]) -> list[tuple[str, list[tuple[str, Sequence[tuple[str, int]]]]]]:
    """Kinds of entries, each with (name, values and how many trials have them)."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for name, value in record.provenance.items():
            counts[name][value] += 1
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts):
        kinds[name.partition(".")[0] if "." in name else CODE].append(name)
    order = sorted(kinds, key=lambda kind: (ORDER.index(kind) if kind in ORDER else len(ORDER), kind))
    return [(kind, [(_rest(name), _ranked(counts[name])) for name in kinds[kind]]) for kind in order]


def _rest(name: str) -> str:
    return name.partition(".")[2] or name


def _ranked(found: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))
