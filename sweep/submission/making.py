"""Predicts what is not there yet, file by file, and notes each in the manifest; an interrupted submission goes on here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reports.scoring.forms import FORMS, FileForm, Form
from reports.submission.files import text_of
from reports.submission.manifest import FileEntry, Manifest, TaskEntry, sha256_of, write_manifest
from reports.submission.splits import MINED
from sweep.options import encoded_folder
from sweep.submission.choosing import Choice
from sweep.submission.facts import Facts
from sweep.submission.progress import View
from sweep.submission.sources import TaskData
from training.files.codec import digest
from training.files.storage import write_atomically
from training.identity import Runtime
from training.inference.predicting import TOGETHER, Asked, Prediction, Predictor, device_here
from training.learning.memory import release_memory
from training.tasks.benchmarks import BenchmarkTask
from training.tasks.row import Kind

BASIS = 1
"""Raised when a change of code changes what the same weights and data are predicted as."""


@dataclass
class Maker:
    """Fills the folder `out` with the predictions of some choices; `counts` are test examples by folder and language."""

    facts: Facts
    data: TaskData
    out: Path
    counts: Mapping[str, Mapping[str, int]]
    view: View
    manifest: Manifest
    _before: Mapping[str, TaskEntry] = field(default_factory=dict)

    def make(self, choices: Mapping[str, Choice]) -> Manifest:
        """Predict and write what is missing; returns the manifest, without scores.

        Raises UserError where a file does not fit, a phase is another task's, memory or the disk does not suffice.
        """
        self._before = self.manifest.tasks
        planned = {folder: self._entry(choice) for folder, choice in choices.items()}
        todo = {folder: self._todo(choice.task, planned[folder]) for folder, choice in choices.items()}
        self.manifest = replace(self.manifest, tasks={})
        self.view.began(self.counts, todo)
        for folder, choice in choices.items():
            kept = {name: entry for name, entry in planned[folder].files.items() if name not in todo[folder]}
            entry = replace(planned[folder], files=kept)
            self._note(folder, entry)
            if todo[folder]:
                self._predict(choice, entry, planned[folder], todo[folder])
        return self.manifest

    def _predict(self, choice: Choice, entry: TaskEntry, planned: TaskEntry, todo: Sequence[str]) -> None:
        task, form = choice.task, FORMS[choice.task.folder]
        sources = self.data.sources(task.row)
        encoded = encoded_folder()
        predictor = Predictor(choice.weights, sources, self._runtime(), encoded=encoded, progress=self.view.encoding)
        languages = tuple(todo)
        if self.data.row(task.row).reader in TOGETHER:
            languages = tuple(self.counts[task.folder])
        asked = Asked(task=task.row, languages=languages, layer=entry.layer, pooling=entry.pooling)
        for found in predictor.predict(asked):
            content = text_of(form, self._by_id(form, task, found), found.candidates).encode()
            noted = planned.files[found.language]
            write_atomically(self.out / noted.file, content)
            noted = replace(noted, sha256=sha256_of(self.out / noted.file), threshold=found.threshold)
            entry = replace(entry, files=_in_order(task, {**entry.files, found.language: noted}))
            self._note(task.folder, entry)
            self.view.done(task.folder, found.language)
        release_memory()

    def _by_id(self, form: FileForm, task: BenchmarkTask, found: Prediction) -> Any:
        """Rankings of answer sentences by the ids of questions; everything else as it is."""
        if form.form is not Form.CANDIDATES:
            return found.value
        return dict(zip(self.data.split(task.row).ids(found.language), found.value, strict=True))

    def _note(self, folder: str, entry: TaskEntry) -> None:
        self.manifest = replace(self.manifest, tasks={**self.manifest.tasks, folder: entry})
        write_manifest(self.out, self.manifest)

    def _runtime(self) -> Runtime:
        resources = self.facts.resources
        threads = max(1, int(resources.cpu))
        return Runtime(device=device_here(resources.device), threads=threads, packed=resources.packed)

    def _entry(self, choice: Choice) -> TaskEntry:
        """What a task's entry will be; files that are not there yet lack their digest."""
        task, record, chosen = choice.task, choice.record, choice.chosen
        row = self.data.row(task.row)
        retrieves = row.kind is Kind.RETRIEVAL
        languages = tuple(self.counts[task.folder])
        layer, pooling = (self.facts.retrieval.layer, self.facts.retrieval.pooling) if retrieves else (None, None)
        entry = TaskEntry(
            row=task.row,
            target=chosen.target,
            trial=record.trial,
            study=record.study,
            model=record.model,
            intermediate=record.intermediate,
            setting=record.number,
            seed=record.seed,
            hyperparameters=dict(record.hyperparameters),
            chain=record.chain,
            weights=choice.key,
            phases=tuple(phase.key for phase in record.phases),
            chosen_by=chosen.basis,
            criterion=chosen.criterion,
            oracle=chosen.oracle or row.reader == MINED,
            synthetic=row.synthetic,
            data=self.data.split(task.row).digest(languages),
            layer=layer,
            pooling=pooling,
            threshold_from="dev gold of each language" if row.reader == MINED else "",
            notes=_notes(choice),
        )
        return replace(entry, files={language: self._file(choice, entry, language) for language in languages})

    def _file(self, choice: Choice, entry: TaskEntry, language: str) -> FileEntry:
        task, row = choice.task, self.data.row(choice.task.row)
        own = tuple(self.counts[task.folder]) if row.reader in TOGETHER else (language,)
        said = [
            BASIS,
            choice.key,
            self.data.split(task.row).digest(own),
            row.encoding.max_length,
            row.encoding.stride,
            list(row.labels),
        ]
        basis = digest([*said, entry.layer, entry.pooling, choice.weights.precision, language])
        name = f"{task.folder}/test-{language}.{task.extension}"
        return FileEntry(file=name, sha256="", examples=self.counts[task.folder][language], basis=basis)

    def _todo(self, task: BenchmarkTask, entry: TaskEntry) -> list[str]:
        """Languages whose file is not there as it should be; the entries of the others get what was noted of them."""
        before = self._before[task.folder].files if task.folder in self._before else {}
        kept = {
            language: noted
            for language, noted in before.items()
            if language in entry.files
            and noted.basis == entry.files[language].basis
            and noted.sha256
            and noted.sha256 == sha256_of(self.out / noted.file)
        }
        assert isinstance(entry.files, dict)
        for language, noted in kept.items():
            entry.files[language] = replace(noted, official=None, clean=None)
        return [language for language in entry.files if language not in kept]


def _in_order(task: BenchmarkTask, files: Mapping[str, FileEntry]) -> dict[str, FileEntry]:
    return {language: files[language] for language in task.languages if language in files}


def _notes(choice: Choice) -> tuple[str, ...]:
    chosen, task = choice.chosen, choice.task
    stands = f"chosen as the chain for {chosen.target}, whose weights are these"
    return (*chosen.notes, *([stands] if chosen.target != task.row else []))
