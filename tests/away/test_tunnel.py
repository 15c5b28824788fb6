"""The way to the dashboard of a cluster file's head: open as long as a command takes, and a clear word where there is none.

`ray` is a stand-in: it says where the head is, and listens where the real one would have ssh listen.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from sweep.away import tunnel as tunnels
from sweep.away.cluster import open_cluster
from sweep.away.place import Kind, Place
from sweep.away.tunnel import dashboard_port, tunnel
from tests.sweep.launches import eventually, processes
from training.errors import UserError

STAND_IN = """#!{python}
import socket, sys, threading
if sys.argv[1] == "get-head-ip":
    {head}
port = int(sys.argv[sys.argv.index("--port") + 1])
{dashboard}
with socket.create_server(("127.0.0.1", port)) as server:
    while True:
        server.accept()[0].close()
"""
RUNS, DOWN = "print('fetching'); print('192.0.2.1'); sys.exit()", "sys.exit('Head node of cluster (ours) not found!')"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.yaml"
    path.write_text("cluster_name: ours")
    return path


def _ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str, dashboard: str = "") -> Path:
    path = tmp_path / "ray"
    path.write_text(STAND_IN.format(python=sys.executable, head=head, dashboard=dashboard))
    path.chmod(0o755)
    monkeypatch.setattr(tunnels, "ray_program", lambda: str(path))
    return path


def test_tunnel_is_open_in_the_block_and_closed_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    program = _ray(tmp_path, monkeypatch, RUNS)
    with tunnel(file) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        socket.create_connection((host, int(port)), timeout=60).close()
        assert host == "127.0.0.1"
    eventually(lambda: not any(str(program) in name for _, _, name in processes()), "the end of the tunnel")


@pytest.mark.parametrize(
    ("command", "port"),
    [("ray start --head", 8265), ("ray start --dashboard-port=9000", 9000), ("ray start --dashboard-port 9001", 9001)],
)
def test_dashboard_is_looked_for_where_the_cluster_file_starts_it(file: Path, command: str, port: int) -> None:
    file.write_text(f"cluster_name: ours\nhead_start_ray_commands: [ray stop, {command}]\n")
    assert dashboard_port(file) == port


def test_cluster_that_does_not_run_is_told_with_the_way_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    _ray(tmp_path, monkeypatch, DOWN)
    with pytest.raises(UserError, match="does not run") as fault, tunnel(file):
        pass
    assert "not found" in fault.value.value
    assert f"ray up {file}" in fault.value.remedy


def test_tunnel_that_ssh_does_not_open_is_told_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    _ray(tmp_path, monkeypatch, RUNS, "sys.exit('ssh: permission denied')")
    with pytest.raises(UserError, match="ssh opens no way") as fault, tunnel(file):
        pass
    assert fault.value.value == "ssh: permission denied"


def test_tunnel_to_nobody_is_a_cluster_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    _ray(tmp_path, monkeypatch, RUNS)
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "")
    place = Place(kind=Kind.FILE, on=str(file))
    with pytest.raises(UserError, match="no Ray cluster answers") as fault, open_cluster(place):
        pass
    assert "/api/version" in fault.value.remedy
