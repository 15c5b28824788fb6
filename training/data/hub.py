"""Data sets of the hub, through the library `datasets`, at a pinned commit.

Only the files of the split that is asked for are fetched. The library resumes a dropped connection and repeats failed requests
with growing pauses (five times); what still fails then is told as a fault with its remedy. Nothing here runs unless a split has
to be fetched: reading prepared data needs neither the library nor a network.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.examples import Example
from training.data.hub_records import RecordReader
from training.errors import DataError, UserError
from training.tasks.row import TaskRow

_COMMIT = re.compile(r"[0-9a-f]{40}")
_BATCH = 1000
_AGAIN = "check the connection, then give the same command again: what is prepared is kept"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """Examples of a split in a language, and how many records the row's label names left out."""

    examples: list[Example]
    left_out: int


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit name, which can't move."""
    return bool(_COMMIT.fullmatch(revision))


def resolve_revision(task: str, repository: str, revision: str = "") -> str:
    """The commit that a revision (empty: the default branch) stands for on the hub now.

    Raises DataError when the repository or the revision is not there, when a commit answers as another, or when the hub can't
    be reached.
    """
    from huggingface_hub import HfApi

    with _explained(f"{repository}@{revision or 'main'}", task):
        found = HfApi().dataset_info(repository, revision=revision or None).sha
    if not isinstance(found, str) or not is_commit(found):
        raise DataError(f"the hub names no commit for {repository}", found, _AGAIN)
    if is_commit(revision) and found != revision:
        remedy = f"look at the repository, then pin a commit knowingly: --revision {task}={found}"
        raise DataError(f"{repository}: the pinned revision {revision} answers as another commit", found, remedy)
    return found


def fetch(row: TaskRow, split: str, language: str, revision: str, work: Path) -> Fetched:
    """Fetch a split in a language. `work` is a folder for what the library writes; it is removed afterwards.

    Raises DataError when something of it is not on the hub or can't be fetched, `Faults` when records do not fit the row.
    """
    hub = row.hub
    assert hub is not None
    config, part = hub.config.format(lang=language), hub.splits[split].format(lang=language)
    subject = f"{hub.repository}@{revision[:12]}/{config or 'default'}/{part}"
    shutil.rmtree(work, ignore_errors=True)  # of a run that was killed
    try:
        with _explained(subject, row.name), _quiet():
            table, classes, expected = _table(hub.repository, config, part, revision, work)
            reader = RecordReader(row, hub, split, language, subject, classes)
            reader.check_columns(table.column_names)
            if expected is not None and expected != len(table):
                cause = f"{subject}: {len(table)} rows, where the data set's card says {expected}"
                raise DataError(cause, "", f"pin another revision of it with --revision {row.name}=COMMIT")
            return Fetched(examples=reader.examples(_records(table)), left_out=reader.left_out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _table(
    repository: str, config: str, part: str, revision: str, work: Path
) -> tuple[Any, dict[str, Sequence[str]], int | None]:
    """The rows of one split, the class names of its columns, and how many rows the data set's card says there are."""
    from datasets import load_dataset_builder
    from datasets.data_files import DataFilesDict

    builder = load_dataset_builder(repository, config or None, revision=revision, cache_dir=str(work))
    files = builder.config.data_files or {}
    if part not in files:
        raise DataError(f"{repository} has no split {part!r}", ", ".join(map(str, files)), "correct the splits of the row")
    card = builder.info.splits or {}
    expected = card[part].num_examples if part in card else None
    builder.config.data_files = DataFilesDict({part: files[part]})
    # Unchecked here: the card speaks of every split, and one was fetched. The rows of this one are checked by the caller.
    builder.download_and_prepare(verification_mode="no_checks")
    table = builder.as_dataset(split=part)
    return table, dict(_classes("", table.features)), expected


def _classes(prefix: str, features: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str]]]:
    for name, feature in features.items():
        inner = getattr(feature, "feature", feature)
        if hasattr(inner, "names"):
            yield f"{prefix}{name}", tuple(inner.names)
        elif isinstance(inner, dict):
            yield from _classes(f"{prefix}{name}.", inner)


def _records(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.with_format("arrow").iter(batch_size=_BATCH):
        yield from batch.to_pylist()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's own progress bars: several splits are fetched at once."""
    from datasets.utils.logging import disable_progress_bar, enable_progress_bar, is_progress_bar_enabled

    shown = is_progress_bar_enabled()
    disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            enable_progress_bar()


@contextlib.contextmanager
def _explained(subject: str, task: str) -> Iterator[None]:
    """Turn what the library raises into a DataError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        cause, remedy = _explanation(error, task)
        if not cause:
            raise
        raise DataError(f"{subject}: {cause}", _first_line(error), remedy) from error


def _explanation(error: Exception, task: str) -> tuple[str, str]:
    """Cause and remedy of an error of the library; an empty cause for one that is not known."""
    names = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    if "OfflineModeIsEnabled" in names:
        return "it is not prepared, and HF_HUB_OFFLINE forbids to fetch it", "prepare it where the hub can be reached"
    if "RevisionNotFoundError" in names or ("DatasetNotFoundError" in names and "Revision" in str(error)):
        return "the hub has no such revision", f"pin one that it has: --revision {task}=COMMIT"
    if names & {"RepositoryNotFoundError", "DatasetNotFoundError", "GatedRepoError"}:
        cause = "the hub has no such data set, or does not show it to you"
        return cause, "check its name; log in with `hf auth login` where it needs an account"
    if isinstance(error, ValueError) and "BuilderConfig" in str(error):
        return "the data set has no such configuration (a language, often)", "correct the row's config and languages"
    if names & {"DatasetGenerationError", "DatasetGenerationCastError", "ArrowException", "CastError"}:
        return "its files can't be read, or have other columns than the data set says", f"pin another revision of {task}"
    if names & {"EmptyDatasetError", "DataFilesNotFoundError"}:
        return "the data set has no data files there", f"pin another revision of {task}"
    if names & {"ConnectionError", "HTTPError", "TransportError", "OSError", "HfHubHTTPError", "LocalEntryNotFoundError"}:
        return "it can't be fetched from the hub", _AGAIN
    return "", ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
