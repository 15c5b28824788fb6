"""BUCC 2018: sentences with ids in two languages, and the pairs among them that are translations."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from training.data.examples import Comparable
from training.data.files import candidates, lines, locate, read_text
from training.data.request import Findings, ReadRequest
from training.tasks.row import Split

Sides = tuple[Path, Path, Path | None]


def read_bucc(request: ReadRequest) -> list[Comparable]:
    """One Comparable from files of `id TAB sentence` lines.

    The row names the file of the other language, `{lang}-en.dev.{lang}`; beside it stand `{lang}-en.dev.en` and, where the gold
    is known, `{lang}-en.dev.gold` of `id TAB English id` lines. Without it gold is None. Raises DataError or Faults.
    """
    path, english, gold_path = _sides(request)
    ids, sentences = _sentences(path)
    english_ids, english_sentences = _sentences(english)
    gold = None if gold_path is None else _gold(gold_path, set(ids), set(english_ids))
    return [Comparable(request.language, sentences, ids, english_sentences, english_ids, gold)]


def bucc_files(request: ReadRequest) -> list[Path]:
    """The files of one language, for a test score dev's too, which set its threshold; raises DataError when one is missing."""
    found = [path for path in _sides(request) if path is not None]
    if request.split == Split.TEST:
        dev = ReadRequest(request.row, request.root, Split.DEV, request.language)
        found += [path for path in _sides(dev) if path is not None]
    return found


def _sides(request: ReadRequest) -> Sides:
    other = PurePosixPath(request.relative)
    path = request.path()
    english = locate(request.root, str(other.with_suffix(".en")))
    gold = candidates(request.root, str(other.with_suffix(".gold")))
    return path, english, next((place for place in gold if place.is_file()), None)


def _sentences(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids and sentences of a side. A sentence may hold tabs, or nothing: BUCC's scorer looks at ids alone."""
    findings = Findings(path)
    found: dict[str, str] = {}
    for number, line in enumerate(lines(read_text(path)), 1):
        name, tab, sentence = line.partition("\t")
        if not tab or not name.strip():
            findings.add(number, "no id and sentence", line, "write an id, a tab and the sentence")
        elif name in found:
            findings.add(number, "an id that is used before", name, "give every sentence an id of its own")
        else:
            found[name] = sentence.strip()
    findings.settle(list(found))
    return tuple(found), tuple(found.values())


def _gold(path: Path, ids: set[str], english: set[str]) -> frozenset[tuple[str, str]]:
    findings = Findings(path)
    pairs: set[tuple[str, str]] = set()
    for number, line in enumerate(lines(read_text(path)), 1):
        first, _, second = line.strip().partition("\t")
        if first not in ids or second not in english:
            remedy = "write the id of a sentence, a tab and the id of an English one, or fetch the files of one release"
            findings.add(number, "not a pair of known ids", line, remedy)
        elif (first, second) in pairs:
            findings.add(number, "a pair that stands before", line, "write every pair once")
        else:
            pairs.add((first, second))
    return frozenset(findings.settle(sorted(pairs)))
