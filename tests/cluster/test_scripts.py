"""The scripts, run for real in a home folder of their own, with stand-ins for the commands that would install something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import ROOT

SCRIPTS = sorted((ROOT / "cluster").glob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script_is_sound_bash(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).returncode == 0
    assert "set -euo pipefail" in script.read_text("utf-8")
    checker = shutil.which("shellcheck")
    if checker:
        found = subprocess.run([checker, script], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout


class Node:
    """A machine with a checkout, and a `python` that keeps what it is asked to install."""

    def __init__(self, folder: Path) -> None:
        self.home, self.local = folder / "home dir", folder / "local disk"
        self.project, self.asked = folder / "a checkout", folder / "asked"
        (self.project / "cluster").mkdir(parents=True)
        self.home.mkdir()
        for name in ("setup_node.sh", "requirements.lock"):
            shutil.copy(ROOT / "cluster" / name, self.project / "cluster")
        shutil.copy(ROOT / "pyproject.toml", self.project)
        self.python(fails=False)

    def python(self, fails: bool) -> None:
        stand_in = self.home / "python"
        install = f'printf "%s\\n" "$*" >> "{self.asked}"; exit {int(fails)}'
        stand_in.write_text(f'#!/bin/bash\nif [ "$1" = -m ]; then {install}; fi\nexec "{sys.executable}" "$@"\n', "utf-8")
        stand_in.chmod(0o755)

    def set_up(self) -> subprocess.CompletedProcess[str]:
        caches = {name: str(self.local / name.lower()) for name in ("SWEEP_CACHE", "HF_HOME", "PIP_CACHE_DIR")}
        return subprocess.run(
            ["bash", str(self.project / "cluster" / "setup_node.sh")],
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], "PYTHON": str(self.home / "python"), **caches},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> list[str]:
        return self.asked.read_text("utf-8").splitlines() if self.asked.exists() else []


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_node_gets_the_packages_of_the_lock_and_nothing_else(node: Node) -> None:
    done = node.set_up()
    assert done.returncode == 0, done.stderr
    packages, project = node.installed()
    assert "--require-hashes" in packages and packages.endswith("cluster/requirements.lock")
    assert "--no-deps" in project and "--no-build-isolation" in project and project.endswith(f"--editable {node.project}")
    locked = (ROOT / "cluster" / "requirements.lock").read_text("utf-8")
    assert f"packages: {locked.count('==')} of the lock, each with its hash" in done.stdout


def test_node_has_its_caches_where_it_is_told(node: Node) -> None:
    done = node.set_up()
    assert {path.name for path in node.local.iterdir()} == {"sweep_cache", "hf_home", "pip_cache_dir"}
    assert f"caches: {node.local}/sweep_cache" in done.stdout


def test_set_up_again_installs_nothing(node: Node) -> None:
    node.set_up()
    done = node.set_up()
    assert done.returncode == 0 and "as the lock says already" in done.stdout
    assert len(node.installed()) == 2


def test_set_up_again_after_a_failed_one_starts_over(node: Node) -> None:
    node.python(fails=True)
    assert node.set_up().returncode != 0
    node.python(fails=False)
    assert node.set_up().returncode == 0
    assert len(node.installed()) == 3


def test_another_lock_is_installed(node: Node) -> None:
    node.set_up()
    with (node.project / "cluster" / "requirements.lock").open("a", encoding="utf-8") as lock:
        lock.write("another==1.0 \\\n    --hash=sha256:00\n")
    assert node.set_up().returncode == 0
    assert len(node.installed()) == 4


def test_lock_script_without_uv_says_what_to_install(tmp_path: Path) -> None:
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    done = subprocess.run(
        ["bash", str(ROOT / "cluster" / "lock.sh")], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "pip install uv" in done.stderr


def shared_folder(folder: Path, refusals: int) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What the mount does on a node whose file system refuses it so many times, and what it did as root."""
    from sweep.aws import shared

    stand_ins = {
        "sudo": f'echo "$*" >> "{folder}/said"; exec "$@"',
        "mount": f'n=$(cat "{folder}/n"); echo $((n + 1)) > "{folder}/n"; [ "$n" -ge {refusals} ] && touch "{folder}/mounted"',
        "mountpoint": f'[ -e "{folder}/mounted" ]',
        "mount.nfs4": "exit 0",
        "chmod": "exit 0",
        "sleep": "exit 0",
    }
    for name, body in stand_ins.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}\n", "utf-8")
        (folder / name).chmod(0o755)
    (folder / "n").write_text("0", "utf-8")
    command = shared.mount("fs-0123", "us-west-2")
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=False)
    return done, (folder / "said").read_text("utf-8").splitlines()


def test_shared_folder_is_mounted_once_its_address_is_known(tmp_path: Path) -> None:
    done, said = shared_folder(tmp_path, refusals=2)
    assert done.returncode == 0, done.stderr
    mounts = [line for line in said if line.startswith("mount ")]
    assert len(mounts) == 3 and mounts[0].endswith("fs-0123.efs.us-west-2.amazonaws.com:/ /mnt/sweep")
    assert said[-1] == "chmod 1777 /mnt/sweep"


def test_shared_folder_that_is_mounted_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mounted").touch()
    done, said = shared_folder(tmp_path, refusals=0)
    assert done.returncode == 0 and said == ["chmod 1777 /mnt/sweep"]


def test_node_without_its_shared_folder_is_not_set_up(tmp_path: Path) -> None:
    done, said = shared_folder(tmp_path, refusals=99)
    assert done.returncode != 0 and "chmod 1777 /mnt/sweep" not in said
