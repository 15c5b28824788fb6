"""The same tables a language at a time: what each chosen chain scores in every language of a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.frame import TransferTable
from reports.languages_data import english_first


def languages_markdown(tables: Sequence[TransferTable]) -> str:
    """One Markdown table a target: rows are languages (English first), columns intermediates, values scores in percent.

    A language that a pair has no score for is shown as `…`.
    """
    return "\n".join(line for table in tables for target in table.targets for line in _target(table, target))


def _target(table: TransferTable, target: str) -> Iterator[str]:
    cells = {name: table.cells[name][target] for name in table.intermediates}
    languages = {language for cell in cells.values() for language in cell.languages}
    if not languages:
        return
    split = next(cell.split for cell in cells.values() if cell.languages)
    oracle = ", ORACLE: gold of these languages had a part in it" if any(cell.oracle for cell in cells.values()) else ""
    yield f"### {table.model}: {target}, {split} split, by language{oracle}"
    yield ""
    yield "| language | " + " | ".join(cells) + " |"
    yield "|---|" + "---:|" * len(cells)
    for language in sorted(languages, key=english_first):
        values = (cell.languages.get(language) for cell in cells.values())
        yield f"| {language} | " + " | ".join("…" if value is None else f"{value:.1f}" for value in values) + " |"
    yield ""
