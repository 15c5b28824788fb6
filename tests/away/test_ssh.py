"""A cluster file over real ssh: `ray up`, a sweep from the laptop, its pages, and who would end the cluster.

`ray down` is not given: on one machine it would stop every Ray there is.
"""

from __future__ import annotations

import getpass
import json
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.away.serving import answers
from tests.away.conftest import BIN, ended_with, free_ports
from tests.away.sshd import Machine, machine, missing, write_cluster
from tests.away.test_away_ray import _grid
from tests.sweep.launches import begin, end_session, eventually, run_to_end
from training.record import read_records

pytestmark = [
    pytest.mark.ray,
    pytest.mark.cluster,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}"),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def there() -> Iterator[Machine]:
    """A head that `ray up` starts over ssh, with its dashboard where `cluster.yaml` has it: on the loopback, with a token."""
    folder, token = Path(tempfile.mkdtemp(prefix="s", dir="/tmp")), secrets.token_hex(16)
    (folder / "token").write_text(token)
    port, dashboard, client = free_ports(3)
    told = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token"), "RAY_TMPDIR": str(folder)}
    head = {"SWEEP_BASE": str(folder / "base"), "SWEEP_CACHE": str(folder / "cache"), "SWEEP_PYTHON": sys.executable}
    with machine(folder, told | head | {"SWEEP_DOWN_GRACE": "1"}) as found:
        words = f"ray start --head --port={port} --num-cpus=2 --temp-dir={folder}/ray --ray-client-server-port={client}"
        more = "--autoscaling-config=~/ray_bootstrap_config.yaml --disable-usage-stats --dashboard-agent-listen-port=0"
        loop = f"--dashboard-host=127.0.0.1 --dashboard-port={dashboard} --node-ip-address=127.0.0.1"
        write_cluster(found, f"{words} {more} {loop} --resources='{{\"trial_driver\": 100}}'", getpass.getuser())
        found.surroundings |= told
        try:
            yield found
        finally:
            ended_with(folder)


def _ray(there: Machine, *words: object) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "ray"), *map(str, words)]
    surroundings = {"PATH": f"{BIN}", "RAY_USAGE_STATS_ENABLED": "0"} | there.surroundings
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)


def test_cluster_file_over_ssh_runs_a_sweep_shows_its_pages_and_keeps_what_could_not_be_fetched(
    there: Machine, tmp_path: Path
) -> None:
    up = _ray(there, "up", "--yes", "--no-config-cache", there.file)
    assert up.returncode == 0, up.stdout + up.stderr
    cache, laptop = tmp_path / "cache", there.surroundings | {"PYTHONPATH": str(ROOT)}
    log = tmp_path / "launch.log"
    where = ("--on", there.file, "--run", "runs/tiny")
    launch = begin(cache, log, "launch", "--grid", _grid(tmp_path), *where, "--down", **laptop)
    try:
        eventually(lambda: "mine: 2 studies" in launch.said or launch.process.poll() is not None, "the sweep there", 120)
        launch.interrupt()
        assert launch.wait() == 130, launch.said
    finally:
        end_session(launch)
    assert launch.said.startswith(f"runs on the cluster of {there.file}\n")
    assert "the head does it if nobody follows" in " ".join(launch.said.split())

    looking = begin(cache, tmp_path / "ui.log", "ui", "--on", there.file, "--no-browser", **laptop)
    try:
        eventually(lambda: "Ctrl-C closes it" in looking.said or looking.process.poll() is not None, "the pages")
        (address,) = re.findall(r"^Ray: (\S+)$", looking.said, re.MULTILINE)
        assert answers(address, "/") and "MLflow" in looking.said
        looking.process.send_signal(signal.SIGTERM)
        assert looking.wait() == 0, looking.said
    finally:
        end_session(looking)
    eventually(lambda: not answers(address, "/", 1), "the end of the way", 15)

    code, said = run_to_end(cache, tmp_path / "logs.log", "logs", *where, **laptop)
    assert code == 0 and "2 of 2 trials have a record" in said, said
    code, said = run_to_end(cache, tmp_path / "fetch.log", "fetch", *where, "--to", tmp_path / "here", **laptop)
    assert code == 0 and len(read_records(tmp_path / "here")) == 2, said
    (keeper,) = (there.folder / "ray").glob("session_2*/logs/job-driver-sweep-down-*.log")
    eventually(lambda: "the cluster stays" in keeper.read_text(), "what the head does in the end")
    assert "nobody has fetched it" in keeper.read_text(), "its folder is this machine's own"
    (state,) = there.folder.glob("ray/cluster-overssh.state")
    assert json.loads(state.read_text())["127.0.0.1"]["state"] == "running"
    texts = [path.read_text() for path in tmp_path.glob("*.log")]
    assert not any((there.folder / "token").read_text() in text for text in texts)
