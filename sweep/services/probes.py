"""Questions that tell whether a server works, not only whether its process is there."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass

from sweep.services.place import Place, Settings
from sweep.services.postgres import answers
from training.errors import UserError

ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What a server said of itself: `fault` is empty where it works."""

    name: str
    fault: str

    @property
    def good(self) -> bool:
        """Whether it works."""
        return not self.fault


def ask_postgres(place: Place) -> Answer:
    """A query to each database."""
    try:
        answers(place)
    except UserError as fault:
        return Answer("postgres", fault.value or fault.cause)
    return Answer("postgres", "")


def ask_mlflow(settings: Settings) -> Answer:
    """Its health, and a search that has to go to the database."""
    server = f"http://127.0.0.1:{settings.port}"
    search = urllib.request.Request(
        f"{server}/api/2.0/mlflow/experiments/search",
        data=json.dumps({"max_results": 1}).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{server}/health", timeout=ANSWER_SECONDS) as health:
            health.read()
        with opener.open(search, timeout=ANSWER_SECONDS) as found:
            json.load(found)
    except (OSError, ValueError) as error:
        return Answer("mlflow", str(error)[:300] or type(error).__name__)
    return Answer("mlflow", "")
