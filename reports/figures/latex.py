"""Tables in LaTeX, to be taken into a page by its command input; rules of booktabs.

Text of users is escaped; what pdflatex has no character for is written as its code point, so that every engine can read it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

from reports.cells import BASELINE, Cell, Pair
from reports.figures.plain import file_name, seen
from reports.figures.sources import Sources, average_of, chance_of, columns_of
from reports.frame import TransferTable
from reports.languages_data import english_first
from reports.table import SYNTHETIC, caption_lines

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "…": r"\ldots{}",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "†": r"\dag{}",
    "−": r"$-$",
    "-": "{-}",
    "–": "--",
}
LAST_LATIN = 0x17F
"""Characters up to here (Latin, accented) are known to every engine."""
COLUMNS, SCORES, ROWS = 11, 14, 55
"""Most columns of differences, of scores, and most rows, that a page has room for; more go into a further table."""
OF_SEEDS = " ± is the standard deviation over seeds."
"""What the caption of the terminal's table says of its own signs."""
MISSING = r"\ldots"
T = TypeVar("T")
HEAD = "% needs \\usepackage{booktabs}, \\usepackage[T1]{fontenc} and \\usepackage{textcomp}"


def escaped(text: str) -> str:
    """Text as LaTeX prints it; raises nothing."""
    return "".join(SPECIAL.get(char) or (char if ord(char) <= LAST_LATIN else _code(char)) for char in seen(text))


def _code(char: str) -> str:
    return rf"{{\scriptsize U+{ord(char):04X}}}"


def transfer_latex(sources: Sources) -> str:
    r"""Each model's table: Δ in points with half of its 95 % interval as an index, scores in percent in the baseline's row."""
    lines = [HEAD]
    for table in sources.tables:
        columns = columns_of(table)
        parts = _evenly(columns, COLUMNS)
        for place, part in enumerate(parts):
            lines += _transfer(sources, table, part, place if len(parts) > 1 else None)
    return "\n".join(lines) + "\n"


def _transfer(sources: Sources, table: TransferTable, columns: list[tuple[str, str]], place: int | None) -> Iterator[str]:
    caption = [f"{table.model}: transfer from an intermediate task (rows) to a target (columns)."]
    caption += [f"Part {place + 1}."] if place is not None else []
    found = [one for pair, one in sources.comparisons.items() if pair.model == table.model]
    said = f"Index: half of the 95 % interval{chance_of(found)}. Bold: {sources.bold_means}."
    yield from _opened(caption, table, [*caption_lines(table), said])
    yield r"\begin{tabular}{l" + "r" * len(columns) + "}"
    yield r"\toprule"
    yield " & ".join(["", *(escaped(heading) for _, heading in columns)]) + r" \\"
    yield r"\midrule"
    for name in table.intermediates:
        yield " & ".join([escaped(name), *(_value(sources, table, name, key) for key, _ in columns)]) + r" \\"
        if name == BASELINE and len(table.intermediates) > 1:
            yield r"\midrule"
    yield from _closed(f"tab:transfer-{file_name(table.model)}" + (f"-{place + 1}" if place is not None else ""))


def _value(sources: Sources, table: TransferTable, name: str, key: str) -> str:
    if key not in table.cells[name]:
        value = average_of(table, name, key)
        return MISSING if value is None else _number(value, absolute=name == BASELINE)
    cell, pair = table.cells[name][key], Pair(table.model, name, key)
    if cell.score is None:
        return MISSING
    if name == BASELINE or cell.delta is None:
        text = _number(cell.score, absolute=True)
        return (text if name == BASELINE else f"({text})") + _marks(cell)
    one = sources.comparisons.get(pair)
    index = rf"_{{\pm {(one.high - one.low) / 2:.1f}}}" if one is not None else ""
    return _number(cell.delta, index=index, bold=sources.sure(pair)) + _marks(cell)


def _number(value: float, *, absolute: bool = False, index: str = "", bold: bool = False) -> str:
    text = f"{value:.1f}" if absolute else f"{round(value, 1) + 0.0:+.1f}"
    return f"$\\mathbf{{{text}}}{index}$" if bold else f"${text}{index}$"


def _marks(cell: Cell) -> str:
    """The marks of the table in the terminal: collapse, unequal budget, oracle."""
    return "!" * cell.collapsed + "*" * cell.unequal + r"\dag{}" * cell.oracle


def languages_latex(sources: Sources) -> str:
    """A table a target: rows are languages (English first), scores in percent; bold: the interval leaves 0 out."""
    lines = [HEAD]
    for table in sources.tables:
        for target in table.targets:
            lines += _languages(sources, table, target)
    return "\n".join(lines) + "\n"


def _languages(sources: Sources, table: TransferTable, target: str) -> Iterator[str]:
    cells = {name: table.cells[name][target] for name in table.intermediates}
    languages = sorted({code for cell in cells.values() for code in cell.languages}, key=english_first)
    names = list(cells)
    parts = [(rows, columns) for rows in _evenly(languages, ROWS) for columns in _evenly(names, SCORES)]
    split = next((cell.split for cell in cells.values() if cell.languages), "")
    for place, (rows, columns) in enumerate(parts):
        caption = [f"{table.model}, {target} ({split}): score in percent by language, after each intermediate task."]
        caption += [f"Part {place + 1} of {len(parts)}."] if len(parts) > 1 else []
        oracle = ["ORACLE: gold of these languages had a part in it."] if any(cell.oracle for cell in cells.values()) else []
        said = ["Bold: the 95 % interval of the difference from no intermediate task leaves 0 out."]
        yield from _opened(caption, table, said + oracle)
        yield r"\begin{tabular}{l" + "r" * len(columns) + "}"
        yield r"\toprule"
        yield " & ".join(["language", *map(escaped, columns)]) + r" \\"
        yield r"\midrule"
        for code in rows:
            yield " & ".join([escaped(code), *(_score(sources, table, cells[name], code) for name in columns)]) + r" \\"
        suffix = f"-{place + 1}" if len(parts) > 1 else ""
        yield from _closed(f"tab:languages-{file_name(table.model, target)}{suffix}")


def _score(sources: Sources, table: TransferTable, cell: Cell, code: str) -> str:
    value = cell.languages.get(code)
    if value is None:
        return MISSING
    one = sources.by_language.get((Pair(table.model, cell.intermediate, cell.target), code))
    return _number(value, absolute=True, bold=one is not None and not one.low <= 0.0 <= one.high)


def _evenly(items: list[T], most: int) -> list[list[T]]:
    """Parts of nearly one length, none of them longer than `most`."""
    each = math.ceil(len(items) / math.ceil(len(items) / most)) if items else most
    return [items[start : start + each] for start in range(0, len(items), each)]


def _opened(caption: Sequence[str], table: TransferTable, more: Sequence[str]) -> Iterator[str]:
    yield ""
    yield r"\begin{table*}"
    yield r"\centering\footnotesize\setlength{\tabcolsep}{3.5pt}"
    said = [*caption, *([f"{SYNTHETIC}."] if table.synthetic else []), *more]
    yield r"\caption{" + " ".join(escaped(line.removesuffix(OF_SEEDS)) for line in said) + r"}\smallskip"


def _closed(label: str) -> Iterator[str]:
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield rf"\label{{{label}}}"
    yield r"\end{table*}"
