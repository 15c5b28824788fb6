"""What XTREME and XTREME-R are made of: the folders of a submission, the rows they hold the predictions of, and the groups.

Folders, languages, groups and extensions are those of google-research/xtreme's `evaluate.py`. It counts XTREME-R's xcopa in two
groups, and has no languages for lareqa, so that its average over all tasks never prints: `scored` is False there, and the
languages are the data set's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from training.tasks import languages as spoken
from training.tasks.mini_rows import MINI_ROWS


@dataclass(frozen=True, kw_only=True)
class BenchmarkTask:
    """One folder of a submission: it holds `test-{language}.{extension}` for each language of the task `row`.

    `scored` says whether the official script scores the folder.
    """

    folder: str
    row: str
    languages: tuple[str, ...]
    extension: str = "tsv"
    scored: bool = True


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark: its tasks by folder, and its groups, each a tuple of folders."""

    name: str
    tasks: Mapping[str, BenchmarkTask]
    groups: Mapping[str, tuple[str, ...]]

    @property
    def rows(self) -> tuple[str, ...]:
        """Names of the rows, in the order of the tasks."""
        return tuple(task.row for task in self.tasks.values())


def _task(
    folder: str, languages: tuple[str, ...], extension: str = "tsv", row: str = "", scored: bool = True
) -> tuple[str, BenchmarkTask]:
    task = BenchmarkTask(folder=folder, row=row or folder, languages=languages, extension=extension, scored=scored)
    return folder, task


_QA = ("xquad", "mlqa", "tydiqa")
_TAGGING = ("udpos", "panx")

XTREME = Benchmark(
    name="xtreme",
    tasks=MappingProxyType(
        dict(
            [
                _task("xnli", spoken.XNLI),
                _task("pawsx", spoken.PAWSX),
                _task("udpos", spoken.UDPOS),
                _task("panx", spoken.PANX),
                _task("xquad", spoken.XQUAD, "json"),
                _task("mlqa", spoken.MLQA, "json"),
                _task("tydiqa", spoken.TYDIQA, "json"),
                _task("bucc2018", spoken.BUCC),
                _task("tatoeba", spoken.TATOEBA),
            ]
        )
    ),
    groups=MappingProxyType(
        {"classification": ("pawsx", "xnli"), "tagging": _TAGGING, "qa": _QA, "retrieval": ("bucc2018", "tatoeba")}
    ),
)

XTREME_R = Benchmark(
    name="xtreme-r",
    tasks=MappingProxyType(
        dict(
            [
                _task("xnli", spoken.XNLI),
                _task("xcopa", spoken.XCOPA, "jsonl"),
                _task("udpos", spoken.UDPOS_R, row="udpos_xr"),
                _task("panx", spoken.PANX_R, row="panx_xr"),
                _task("xquad", spoken.XQUAD_R, "json", row="xquad_xr"),
                _task("mlqa", spoken.MLQA, "json"),
                _task("tydiqa", spoken.TYDIQA, "json"),
                _task("tatoeba", spoken.TATOEBA_R, row="tatoeba_xr"),
                _task("mewslix", spoken.MEWSLIX, "json"),
                _task("lareqa", spoken.LAREQA, "json", scored=False),
            ]
        )
    ),
    groups=MappingProxyType(
        {
            "classification": ("xnli", "xcopa"),
            "tagging": _TAGGING,
            "qa": _QA,
            "retrieval": ("tatoeba", "mewslix"),
            "multi_choice": ("xcopa",),
        }
    ),
)


def _mini() -> Benchmark:
    """The mini world's targets under their own names, so that nobody takes a file of theirs for one of a benchmark."""
    real = {**XTREME_R.tasks, **XTREME.tasks}
    named = {row.name: namesake(row.name) for row in MINI_ROWS if row.target}
    spoken_by = {row.name: row.languages for row in MINI_ROWS}
    tasks = {name: replace(real[folder], folder=name, row=name, languages=spoken_by[name]) for name, folder in named.items()}
    groups = {**XTREME_R.groups, **XTREME.groups, "retrieval": ("bucc2018", "tatoeba", "mewslix")}
    grouped = {group: tuple(name for name, real in named.items() if real in folders) for group, folders in groups.items()}
    return Benchmark(name="mini", tasks=MappingProxyType(tasks), groups=MappingProxyType(grouped))


def namesake(name: str) -> str:
    """The folder whose files those of a mini task are like: `udpos` for `mini_udpos_xr`."""
    return name.removeprefix("mini_").removesuffix("_xr")


MINI = _mini()
"""What of the mini world stands in for the tasks of both benchmarks: synthetic, and scored by nobody else's script."""

BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType({benchmark.name: benchmark for benchmark in (XTREME, XTREME_R, MINI)})
