"""Secrets that are planted in the environment of a command, and the search for them in everything that it leaves behind."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.sweep.launches import processes


def secret(name: str) -> str:
    """A secret that nothing else says, with characters that addresses write otherwise."""
    return f"pl4nted/{name}+Zx@9%q"


def address(scheme: str, name: str, rest: str) -> str:
    """An address with a planted password."""
    return f"{scheme}://planted:{quote(secret(name), safe='')}@{rest}"


NAMES = ("aws", "session", "hub", "mlflow", "tracking", "studies", "hook", "hookpath", "hooktoken", "proxy", "ray", "wandb")


def environment(mlflow: str = "127.0.0.1:1", studies: str = "") -> dict[str, str]:
    """Variables as a careless machine has them; `studies` is the address of Optuna's database, where there is to be one."""
    hook = f"https://planted:{quote(secret('hook'), safe='')}@127.0.0.1:1/services/{quote(secret('hookpath'), safe='')}"
    found = {
        "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
        "AWS_SECRET_ACCESS_KEY": secret("aws"),
        "AWS_SESSION_TOKEN": secret("session"),
        "HF_TOKEN": secret("hub"),
        "MLFLOW_TRACKING_USERNAME": "planted",
        "MLFLOW_TRACKING_PASSWORD": secret("mlflow"),
        "MLFLOW_TRACKING_URI": address("http", "tracking", mlflow),
        "SWEEP_NOTIFY": f"{hook}?token={quote(secret('hooktoken'), safe='')}",
        "https_proxy": address("http", "proxy", "127.0.0.1:1"),
        "RAY_AUTH_TOKEN": secret("ray"),
        "WANDB_API_KEY": secret("wandb"),
    }
    return found | ({"SWEEP_OPTUNA_STORAGE": studies} if studies else {})


def forms(planted: str) -> dict[str, bytes]:
    """The spellings of a secret that are looked for: plain, as in addresses, as in headers, as in a dump of bytes."""
    found = {"plain": planted, "quoted": quote(planted, safe=""), "quoted path": quote(planted), "plus": quote_plus(planted)}
    found["hex"] = planted.encode().hex()
    for shift in range(
        3
    ):  # a password stands somewhere in `user:password`: each place of it among three bytes spells it otherwise
        for kind, code in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            coded = code(b"\0" * shift + planted.encode()).decode().rstrip("=")
            found[f"{kind} {shift}"] = coded[(0, 2, 3)[shift] : -2]
    return {name: text.encode() for name, text in found.items()}


def leaks(where: str, content: bytes, names: Iterable[str] = NAMES) -> list[str]:
    """What of the secrets a content has: a line for each."""
    return [
        f"{where} has the secret {name} ({kind})"
        for name in names
        for kind, form in forms(secret(name)).items()
        if form in content
    ]


def leaks_below(folder: Path) -> list[str]:
    """What of the secrets the files below a folder have, in their contents or their names."""
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        found += leaks(f"the name {path.name}", str(path).encode())
        if path.is_file() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError):
                found += leaks(str(path), path.read_bytes())
    return found


def sizes_below(folder: Path) -> dict[str, int]:
    """How many files of each ending were looked at: a search of nothing finds nothing."""
    found: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[path.suffix] = found.get(path.suffix, 0) + 1
    return found


@contextlib.contextmanager
def watched_processes() -> Iterator[Mapping[str, None]]:
    """Every command line that any process of this machine shows while the block lasts."""
    seen: dict[str, None] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.update((name, None) for _, _, name in processes())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
