"""Is a folder what the official script reads? Every file is compared with the test set it is about, all faults at once.

The script itself looks at less: it counts sentences, not words, passes over missing ids, and reads a doubled blank line as an
empty sentence. What it would score otherwise than it was meant is a fault here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.scoring.clean import listed
from reports.scoring.forms import FORMS, FileForm, Form
from reports.scoring.sources import BYTE_ORDER_MARK, Source, find, read, strangers
from reports.submission.files import predictions_of
from reports.submission.splits import SplitData
from training.data.checking import together
from training.data.examples import Bitext, Comparable, Example, SentenceQuestion, Tagged
from training.data.passages import candidate_names
from training.data.request import Findings
from training.errors import DataError, UserError
from training.tasks.benchmarks import Benchmark, BenchmarkTask

Load = Callable[[str], Sequence[Example]]
"""The test examples of a language."""
_ANEW = "predict it again: sweep submit"


def faults_of(
    folder: Path, benchmark: Benchmark, splits: Callable[[str], SplitData], known: Collection[str] = ()
) -> list[UserError]:
    """All faults of a folder; one that concerns every file (no data folder, say) is told once.

    `splits` gives the test set of a row; `known` are folders that may lie there besides.
    """
    faults: list[UserError] = []
    for name, task in benchmark.tasks.items():
        try:
            faults += task_faults(folder, task, FORMS[name], splits(task.row).examples)
        except DataError as fault:
            faults.append(fault)
    faults += folder_faults(folder, {*benchmark.tasks, *known}, benchmark.tasks)
    return together(list({str(fault): fault for fault in faults}.values()), whole=True)


def task_faults(folder: Path, task: BenchmarkTask, form: FileForm, load: Load) -> Iterator[DataError]:
    """Faults of one task's files; a language whose test set can't be read has that as its fault."""
    if not (folder / task.folder).is_dir():
        yield DataError(f"the submission has no folder {task.folder}", folder, _ANEW)
        return
    candidates: set[str] = set()
    if form.form is Form.CANDIDATES:
        candidates = _all_candidates(task, load)
    for language in task.languages:
        path = find(folder, task, language)
        if path is None:
            yield DataError(f"task {task.folder} has no file test-{language}.{task.extension}", language, _ANEW)
            continue
        try:
            yield from file_faults(form, path, load(language), candidates)
        except DataError as fault:
            yield fault
    for path in strangers(folder, task):
        remedy = f"name it test-LANGUAGE.{task.extension}, for the languages of the task, or take it away"
        yield DataError(f"{path}: a file that belongs to no language", path.name, remedy)


def folder_faults(folder: Path, known: Collection[str], named: Collection[str]) -> Iterator[DataError]:
    """Folders of a submission that are none of the benchmark's; `named` are those that its remedy lists."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in known and not path.name.startswith("."):
            yield DataError(f"{path}: no task of the benchmark", path.name, f"the folders are {', '.join(named)}")


def _all_candidates(task: BenchmarkTask, load: Load) -> set[str]:
    found: set[str] = set()
    for language in task.languages:
        for item in load(language):
            if isinstance(item, SentenceQuestion):
                found.update(candidate_names(item))
    return found


def file_faults(form: FileForm, path: Path, examples: Sequence[Example], candidates: Collection[str] = ()) -> list[DataError]:
    """Faults of one file, of which 20 are listed; `candidates` are what rankings of answer sentences may name.

    Raises DataError where the file can't be read.
    """
    source = read(path)
    findings = Findings(path)
    if path.suffix == ".gz":
        findings.add(1, "gzipped, and the official script reads plain files alone", path.name, "unpack it")
    if source.text.startswith(BYTE_ORDER_MARK):
        findings.add(1, "a byte order mark, which the official script takes for text", "", "write the file without it")
    predictions = predictions_of(form, source.plain, findings)
    _COMPARE[form.form](predictions, examples, findings, source.plain, candidates)
    return listed(findings)


def _count(mine: int, wanted: int, what: str, findings: Findings) -> bool:
    if mine != wanted:
        cause = f"{mine} {what}, the test set has {wanted}"
        findings.add(max(1, mine), cause, "", "give one for each, in the order of the test file")
    return mine == wanted


def _positions(
    found: Any, examples: Sequence[Example], findings: Findings, source: Source, candidates: Collection[str]
) -> None:
    _count(len(found), len(examples), "lines", findings)


def _indices(found: Any, examples: Sequence[Example], findings: Findings, source: Source, candidates: Collection[str]) -> None:
    (bitext,) = (item for item in examples if isinstance(item, Bitext))
    _count(len(found), len(bitext.queries), "lines", findings)
    for number, place in enumerate(found, 1):
        if len(found) > place >= len(bitext.candidates):  # else it was told already
            remedy = f"write a whole number from 0 to {len(bitext.candidates) - 1}"
            findings.add(number, "the index of no sentence of the other language", place, remedy)


def _tags(found: Any, examples: Sequence[Example], findings: Findings, source: Source, candidates: Collection[str]) -> None:
    blank = [not line.strip() for line in source.lines]
    doubled = [number for number, empty in enumerate(blank, 1) if empty and (number == 1 or blank[number - 2])]
    for number in doubled:
        cause = "a blank line that makes an empty sentence"
        findings.add(number, cause, "", "leave one blank line between two sentences, none before the first")
    if doubled:  # what follows would be told of other sentences
        return
    sentences = [item for item in examples if isinstance(item, Tagged)]
    if not _count(len(found), len(sentences), "sentences", findings):
        return
    line = 1
    for number, (tags, sentence) in enumerate(zip(found, sentences, strict=True), 1):
        if len(tags) != len(sentence.words):
            cause = f"sentence {number} has {len(tags)} tags, its test sentence {len(sentence.words)} words"
            findings.add(line, cause, " ".join(sentence.words), "give every word of a sentence one tag")
        line += len(tags) + 1


def _pairs(found: Any, examples: Sequence[Example], findings: Findings, source: Source, candidates: Collection[str]) -> None:
    (text,) = (item for item in examples if isinstance(item, Comparable))
    ids, english = frozenset(text.ids), frozenset(text.english_ids)
    seen: set[str] = set()
    for number, line in enumerate(source.lines, 1):
        mine, _, other = line.strip().partition("\t")
        if other and (mine not in ids or other not in english):
            findings.add(number, "a pair of ids that the test set does not have", line, "write source id, tab, English id")
        if line in seen:
            findings.add(number, "a pair that stands before", line, "write every pair once")
        seen.add(line)


def _ids(found: Mapping[str, Any], examples: Sequence[Example], findings: Findings) -> None:
    if findings.count and not found:  # it could not be read
        return
    wanted = dict.fromkeys(item.id for item in examples)
    for name in (name for name in wanted if name not in found):
        findings.add(f"[{name!r}]", "an id of the test set without a prediction, which counts 0", name, "predict it")
    for name in (name for name in found if name not in wanted):
        findings.add(f"[{name!r}]", "an id that the test set does not have", name, "leave it out")


def _answers(found: Any, examples: Sequence[Example], findings: Findings, source: Source, candidates: Collection[str]) -> None:
    _ids(found, examples, findings)


def _ranked(found: Any, examples: Sequence[Example], findings: Findings, source: Source, candidates: Collection[str]) -> None:
    _ids(found, examples, findings)
    for name, ranking in found.items():
        if not ranking:
            findings.add(f"[{name!r}]", "an empty ranking", name, "name at least one, best first")
        unknown = [one for one in ranking if candidates and one not in candidates]
        if unknown:
            remedy = "name sentences LANGUAGE-PARAGRAPH:SENTENCE, paragraphs from 1 and sentences from 0"
            findings.add(f"[{name!r}]", "no sentence of any language's paragraphs", ", ".join(unknown[:3]), remedy)


_Compare = Callable[[Any, Sequence[Example], Findings, Source, Collection[str]], None]
_COMPARE: Mapping[Form, _Compare] = {
    Form.LABELS: _positions,
    Form.CHOICES: _positions,
    Form.INDICES: _indices,
    Form.SPANS: _tags,
    Form.WORD_CLASSES: _tags,
    Form.PAIRS: _pairs,
    Form.ANSWERS: _answers,
    Form.ENTITIES: _ranked,
    Form.CANDIDATES: _ranked,
}
