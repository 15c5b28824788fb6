"""Selected chains to repositories of a model hub, private unless they are public already."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sweep.masking import masked
from sweep.selecting.folders import Exported
from training.errors import UserError

PLACE = "{target}"
_NAME = re.compile(r"^[\w\-.]+/[\w\-.{}]+$", re.ASCII)


def check_name(push: str, targets: Sequence[str]) -> None:
    """Raise UserError unless the name gives each target a repository of its own."""
    if not _NAME.match(push):
        raise UserError("this is no name of a hub repository", push, "give --push OWNER/NAME, with {target} in it for several")
    if len(targets) > 1 and PLACE not in push:
        remedy = f"write {{target}} in it ({push}-{{target}}), or give one --target"
        raise UserError(f"one repository can't hold {len(targets)} models", push, remedy)


def push_all(exported: Mapping[str, Exported], push: str, kept: dict[str, dict[str, Any]], failed: dict[str, str]) -> list[str]:
    """Upload each folder as one commit; what fails is told by its target, and the others go on."""
    where = []
    for target, one in exported.items():
        name = push.replace(PLACE, target)
        try:
            address = _push(one, name)
        except UserError as error:
            failed[f"push {target}"] = str(error)
            continue
        kept[target] |= {"pushed": address}
        where.append(f"hub:       {address}")
    return where


def _push(one: Exported, name: str) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    chosen = one.chosen
    try:
        address = api.create_repo(name, private=True, exist_ok=True)
        said = f"{chosen.pair.model}: {chosen.pair.intermediate} to {chosen.target}, trial {chosen.trial}"
        api.upload_folder(repo_id=address.repo_id, folder_path=str(one.folder), commit_message=said, delete_patterns="*")
    except Exception as error:  # its kinds of error are those of three libraries; each means that the hub has not taken it
        remedy = "check the name, the network and the token (hf auth login, or HF_TOKEN), then give the same command again"
        cause = f"the hub did not take the model ({type(error).__name__}: {masked(str(error)).splitlines()[0][:200]})"
        raise UserError(cause, name, remedy) from error
    return str(address)
