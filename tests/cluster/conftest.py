"""A mocked account, and `ray up` in it: what would be asked of AWS, without AWS."""

from __future__ import annotations

import contextlib
import functools
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
REGION = "us-west-2"
IMAGE = "ami-0123456789abcdef0"


class Runner:
    """Stands in for SSH and rsync: keeps each command, answers what the launcher's checks of Docker want to hear."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def _keep(self, command: Any) -> str:
        self.calls.append(" ".join(command) if isinstance(command, (list, tuple)) else command)
        return self.calls[-1]

    def check_call(self, command: Any, *_: Any, **__: Any) -> int:
        self._keep(command)
        return 0

    def check_output(self, command: Any, *_: Any, **__: Any) -> bytes:
        text = self._keep(command)
        if "{{json" in text or ".Config.Env" in text:
            return b"[]"
        if "State.Running" in text:
            return b"true"
        return b"docker" if "command -v docker" in text else b""

    def run(self, command: Any, *_: Any, **__: Any) -> None:
        self._keep(command)


@pytest.fixture(scope="session")
def cluster() -> dict[str, Any]:
    """cluster.yaml as it is written."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text("utf-8"))
    return loaded


@contextlib.contextmanager
def mocked(home: Path) -> Iterator[pytest.MonkeyPatch]:
    """An empty account, and a home folder of one's own: the launcher and the set-up write a key and a token there."""
    from moto import mock_aws

    from sweep.aws import account

    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", account.BUCKET_VARIABLE):
            patch.delenv(name, raising=False)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("HOME", str(home))
        patch.setattr(tempfile, "tempdir", str(home))  # the launcher keeps resolved configurations there
        patch.setattr(account, "PROPAGATION", 0.0)
        # The mock has no parameters of AWS's own, except a few.
        patch.setattr(account.Account, "_parameter", lambda _self, _name: IMAGE)
        logging.getLogger("botocore").setLevel(logging.WARNING)
        yield patch


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    with mocked(tmp_path) as patch:
        yield patch


def ray_up(file: Path, patch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Runner]:
    """`ray up FILE --yes`; gives the configuration as it was resolved, and the commands that would have gone over SSH."""
    from ray.autoscaler._private import commands

    runner = Runner()
    patch.setattr(commands, "get_or_create_head_node", functools.partial(commands.get_or_create_head_node, _runner=runner))
    patch.chdir(ROOT)
    config = commands.create_or_update_cluster(
        config_file=str(file),
        override_min_workers=None,
        override_max_workers=None,
        no_restart=False,
        restart_only=False,
        yes=True,
        override_cluster_name=None,
        no_config_cache=True,
        redirect_command_output=None,
        use_login_shells=True,
    )
    return config, runner
