"""A board for the terminal and for a program (JSON), and its messages as lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.languages_data import english_first
from reports.scoring.board import Board, Level, Message, Scorer, TaskScores, headline
from training.record import ENGLISH

MISSING = "…"


def render_board(board: Board) -> RenderableType:
    """A table a task with its languages, then one with the averages, the groups and the overall score."""
    parts: list[RenderableType] = [_languages(board, task) for task in board.tasks.values() if task.languages]
    return Group(*parts, *_summary(board))


def board_json(board: Board) -> str:
    """The board as JSON, scores in percent at full precision."""
    return json.dumps(_payload(board), indent=1, ensure_ascii=False) + "\n"


def message_lines(board: Board) -> Iterator[str]:
    """Every message, with nothing in it that a terminal would act on."""
    for message in board.messages:
        if message.level is not Level.ABSENT:
            yield _safe(f"{message.level}: {message.fault}")
    yield from map(_safe, _absences(board))


def _absences(board: Board) -> Iterator[str]:
    """What is absent, on one line a task."""
    by_task: dict[str, list[Message]] = {}
    for message in board.messages:
        if message.level is Level.ABSENT:
            by_task.setdefault(message.task, []).append(message)
    for task, messages in by_task.items():
        if task not in board.tasks:
            yield f"absent: task {task} (in {messages[0].fault.value})"
            continue
        sides: dict[str, list[str]] = {}
        for message in messages:
            sides.setdefault(message.fault.value, []).append(message.fault.cause.rpartition(" ")[2])
        yield f"absent: of task {task}: " + "; ".join(f"{', '.join(files)} (in {side})" for side, files in sides.items())


def _safe(text: str) -> str:
    """Text without control characters other than newlines."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _languages(board: Board, task: TaskScores) -> RenderableType:
    """One task: each scorer's metrics a language; the clean ones only where a language has other numbers there."""
    shown = _shown(board, task)
    names = {scorer: list(next(iter(task.scores[scorer].values()), {})) for scorer in shown}
    labels = [f"{scorer} {name}" if len(shown) > 1 else name for scorer in shown for name in names[scorer]]
    table = _table("language", *labels)
    for language in sorted(task.languages, key=english_first):
        cells = [_number(task.scores[scorer].get(language, {}).get(name)) for scorer in shown for name in names[scorer]]
        table.add_row(language, *(cells or [MISSING]), end_section=language == ENGLISH)
    return Group(Text(_title(board, task), "bold"), table)


def _shown(board: Board, task: TaskScores) -> tuple[Scorer, ...]:
    if len(board.scorers) < 2:
        return board.scorers
    official, clean = (task.scores[scorer] for scorer in (Scorer.OFFICIAL, Scorer.CLEAN))
    if not task.scores[Scorer.OFFICIAL] and clean:
        return (Scorer.CLEAN,)
    same = official.keys() == clean.keys() and all(
        abs(headline(scores) - headline(clean[language])) < 1e-9 for language, scores in official.items()
    )
    return (Scorer.OFFICIAL,) if same else board.scorers


def _title(board: Board, task: TaskScores) -> str:
    if not any(task.scores[scorer] for scorer in board.scorers):
        return f"{task.folder} (nothing could be scored)"
    if len(_shown(board, task)) == 1 < len(board.scorers):
        return f"{task.folder} ({'clean alone' if _shown(board, task)[0] is Scorer.CLEAN else 'official and clean agree'})"
    return f"{task.folder} ({', '.join(board.scorers)})"


def _summary(board: Board) -> Iterator[RenderableType]:
    yield Text(f"{board.benchmark.name}: averages over languages", "bold")
    columns = [f"{scorer} {what}" for scorer in board.scorers for what in ("average", "without en", "languages")]
    table = _table("task", *columns)
    for name, expected in board.benchmark.tasks.items():
        task = board.tasks.get(name)
        cells = [cell for scorer in board.scorers for cell in _averages(task, scorer, len(expected.languages))]
        table.add_row(name, *cells, style="yellow" if task and len(board.scorers) > 1 and task.differs else "")
    table.add_section()
    for group in board.benchmark.groups:
        table.add_row(group, *(cell for scorer in board.scorers for cell in (_number(board.group(group, scorer)), "", "")))
    table.add_section()
    overall = (cell for scorer in board.scorers for cell in (_number(board.overall(scorer)), "", ""))
    table.add_row("all tasks", *overall, style="bold")
    yield table
    for line in _captions(board):
        yield Text(line, "dim")


def _averages(task: TaskScores | None, scorer: Scorer, languages: int) -> tuple[str, str, str]:
    if task is None or not task.scores[scorer]:
        return MISSING, MISSING, f"0/{languages}"
    average = _number(task.mean(scorer)) + ("" if task.complete(scorer) else "*")
    return average, _number(task.mean(scorer, english=False)), f"{len(task.scores[scorer])}/{languages}"


def _captions(board: Board) -> Iterator[str]:
    yield "Averages are unweighted over languages, English included; 'without en' leaves it out."
    yield f"Groups and 'all tasks' are unweighted over tasks; {MISSING} stands for what lacks a language of any of its tasks."
    if any(task.scores[scorer] and not task.complete(scorer) for task in board.tasks.values() for scorer in board.scorers):
        yield "* marks a mean over some of a task's languages: not comparable, and in no group."
    if Scorer.OFFICIAL in board.scorers and not all(task.scored for task in board.benchmark.tasks.values()):
        unscored = ", ".join(name for name, task in board.benchmark.tasks.items() if not task.scored)
        yield f"The official script scores no {unscored} and so never prints {board.benchmark.name}'s average over all tasks."
    if len(board.scorers) > 1:
        differing = ", ".join(name for name, task in board.tasks.items() if task.differs)
        if differing:
            yield f"Official and clean differ: {differing} (docs/SCORES.md says why)."


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}"


def _payload(board: Board) -> dict[str, Any]:
    return {
        "benchmark": board.benchmark.name,
        "tasks": {name: _task_payload(board, task) for name, task in board.tasks.items()},
        "groups": {
            scorer.value: {name: board.group(name, scorer) for name in board.benchmark.groups} for scorer in board.scorers
        },
        "overall": {scorer.value: board.overall(scorer) for scorer in board.scorers},
        "messages": [
            {
                "level": message.level.value,
                "task": message.task,
                "cause": message.fault.cause,
                "value": message.fault.value,
                "remedy": message.fault.remedy,
            }
            for message in board.messages
        ],
    }


def _task_payload(board: Board, task: TaskScores) -> Mapping[str, Any]:
    return {
        scorer.value: {
            "average": task.average(scorer),
            "mean_of_scored": task.mean(scorer),
            "mean_without_english": task.mean(scorer, english=False),
            "missing": [language for language in task.languages if language not in task.scores[scorer]],
            "metrics": task.averages(scorer),
            "languages": {language: {**scores, "score": headline(scores)} for language, scores in task.scores[scorer].items()},
        }
        for scorer in board.scorers
    }
