"""Commands that a user can give as they are: the verb, the grid, and what was said of its folders and models."""

from __future__ import annotations

import shlex

from sweep.options import LaunchOptions


def command_of(verb: str, options: LaunchOptions, *more: str) -> str:
    """`sweep <verb> --grid ...` with the folders and models of a command, and more words at its end."""
    words = ["sweep", verb, "--grid", options.grid]
    for flag, folder in (("--data", options.data), ("--run", options.run), ("--store", options.store_word)):
        words += [flag, str(folder)] if folder else []
    for name, folder_name in options.models.items():
        words += ["--model", f"{name}={folder_name}"]
    return shlex.join([*words, *more])
