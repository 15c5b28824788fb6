"""Selected chains into folders, the registry and a hub; what goes wrong with one of them does not stop the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweep.foreseen import Tell
from sweep.selecting.choosing import Selection
from sweep.selecting.folders import Exported, export
from sweep.selecting.ingredients import known_of
from sweep.words import shown
from training.errors import UserError


def keep(
    run: Path, selection: Selection, out: Path, *, register: bool, uri: str | None, push: str | None, tell: Tell
) -> Selection:
    """Write each chosen chain's folder, register it and push it, as far as is asked for.

    Raises UserError on a hub name that does not tell targets apart, before anything is written.
    """
    if push is not None:
        from sweep.selecting.pushing import check_name

        check_name(push, list(selection.chosen))
    known, failed = known_of(run, tell), {}
    exported: dict[str, Exported] = {}
    for target, one in selection.chosen.items():
        try:
            exported[target] = export(run, one, selection.records[one.trial], known, out, tell)
        except UserError as error:
            failed[target] = str(error)
    kept: dict[str, dict[str, Any]] = {target: {"folder": str(one.folder)} for target, one in exported.items()}
    where = [f"folders:   {shown(out)}/TARGET ({sum(one.new for one in exported.values())} new)"] if exported else []
    if register and exported:
        where += _register(run, exported, uri, kept, failed)
    if push is not None and exported:
        from sweep.selecting.pushing import push_all

        where += push_all(exported, push, kept, failed)
    return replace(selection, failed=failed, where=tuple(where), kept=kept)


def _register(
    run: Path, exported: Mapping[str, Exported], uri: str | None, kept: dict[str, dict[str, Any]], failed: dict[str, str]
) -> list[str]:
    from sweep.selecting.registry import Registry

    try:
        registry = Registry(run, uri)
        for target, one in exported.items():
            kept[target] |= {"registered": registry.register(one)}
    except UserError as error:  # the tracker: what is in folders stays
        failed["registry"] = str(error)
        return []
    return [f"registry:  models:/{registry.name_of('TARGET')}@{next(iter(exported.values())).chosen.rule}"]
