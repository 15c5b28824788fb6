"""A machine that `ray up` reaches over real ssh: a server of this machine's loopback, with keys and a home of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.away.conftest import free_ports
from tests.sweep.launches import eventually

SERVER = shutil.which("sshd") or "/usr/sbin/sshd"
NEEDED = (SERVER, "ssh", "ssh-keygen", "rsync")
BIN = Path(sys.executable).parent


def missing() -> str:
    """What is not installed of what this needs."""
    return ", ".join(name for name in NEEDED if shutil.which(name) is None)


@dataclass
class Machine:
    """A machine with its cluster file; `surroundings` are the laptop's: `ssh` there knows the port."""

    folder: Path
    file: Path
    home: Path
    surroundings: dict[str, str]


@contextlib.contextmanager
def machine(folder: Path, environment: dict[str, str]) -> Iterator[Machine]:
    """A server with `environment` for whoever enters, and a cluster file whose head it is; both ends are this machine."""
    (port,) = free_ports(1)
    home, programs = folder / "home", folder / "bin"
    home.mkdir()
    programs.mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (home / ".bash_profile").write_text(f'export PATH="{BIN}:$PATH"\n')  # a login shell makes its own
    (home / ".bashrc").touch()
    told = " ".join(f'"{name}={value}"' for name, value in (environment | {"HOME": str(home)}).items())
    lines = [f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder / 'host'}", f"PidFile {folder / 'pid'}"]
    lines += [f"AuthorizedKeysFile {folder / 'user.pub'}", "StrictModes no", "UsePAM no", "PermitRootLogin yes"]
    lines += ["PasswordAuthentication no", f"SetEnv {told}"]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -p {port} "$@"\n')
    (programs / "ssh").chmod(0o755)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server of root's locks its children up
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([SERVER, "-D", "-e", "-f", folder / "sshd_config"], stderr=log, stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: (folder / "pid").is_file() or server.poll() is not None, "the ssh server")
        assert server.poll() is None, (folder / "sshd.log").read_text()
        surroundings = {"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(folder), "HOME": str(folder)}
        yield Machine(folder, folder / "cluster.yaml", home, surroundings)
    finally:
        server.terminate()
        server.wait(240)


def write_cluster(there: Machine, start: str, user: str) -> None:
    """A cluster of one machine, which Ray's launcher calls local: it is reached by ssh all the same."""
    lists = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")
    config: dict[str, Any] = {
        "cluster_name": "overssh",
        "provider": {"type": "local", "head_ip": "127.0.0.1", "worker_ips": []},
        "auth": {"ssh_user": user, "ssh_private_key": str(there.folder / "user")},
        "max_workers": 0,
        "file_mounts": {},
        "head_start_ray_commands": [start],
        "worker_start_ray_commands": [],
        **{name: [] for name in lists},
    }
    there.file.write_text(yaml.safe_dump(config))
