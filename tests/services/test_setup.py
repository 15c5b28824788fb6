"""What starts the services on a head: the script, with stand-ins for what would install; supervisord's file; the verbs."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from sweep.cli import main
from sweep.services.place import VARIABLE, Place, Settings
from sweep.services.running import mlflow_words
from sweep.services.supervising import PROGRAMS, configuration

ROOT = Path(__file__).parents[2]


def set_up(folder: Path, *, installs: bool = True) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script where PostgreSQL is not installed; returns what came of it and what apt-get was asked."""
    installed, asked, etc = folder / "postgresql", folder / "asked", folder / "etc"
    script = folder / "setup_head.sh"
    text = (ROOT / "cluster" / "setup_head.sh").read_text("utf-8")
    text = text.replace("/usr/lib/postgresql", str(installed)).replace("/etc/postgresql-common", str(etc))
    script.write_text(text, "utf-8")
    make = f'mkdir -p "{installed}/14/bin"; touch "{installed}/14/bin/initdb"' if installs else "true"
    apt = f'echo "$*" >> "{asked}"; cat "{etc}/createcluster.conf" >> "{asked}"; case "$*" in *install*) {make};; esac'
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    stand_ins = {"apt-get": apt, "sudo": 'exec "$@"'}
    for name, body in stand_ins.items():
        (tools / name).write_text(f"#!/bin/bash\n{body}\n", "utf-8")
        (tools / name).chmod(0o755)
    for name in ("bash", "ls", "mkdir", "tee", "tail", "id", "env", "cat", "touch", "chown"):
        if not (tools / name).exists():
            (tools / name).symlink_to(shutil.which(name) or "")
    done = subprocess.run(
        ["bash", str(script)],
        env={"PATH": str(tools), "HOME": str(folder), VARIABLE: str(folder / "local" / "services")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, asked.read_text("utf-8").splitlines() if asked.exists() else []


def test_head_gets_postgresql_without_a_server_of_the_package_s_own(tmp_path: Path) -> None:
    done, asked = set_up(tmp_path)
    assert done.returncode == 0, done.stderr
    install = next(line for line in asked if " install " in line)
    assert install.endswith("--no-install-recommends postgresql")
    assert "create_main_cluster = false" in asked[: asked.index(install)]
    assert os.access(tmp_path / "local" / "services", os.W_OK)


def test_head_that_has_postgresql_is_left_as_it_is(tmp_path: Path) -> None:
    _, asked = set_up(tmp_path)
    done, again = set_up(tmp_path)
    assert done.returncode == 0 and again == asked and "14/bin/initdb" in done.stdout


def test_head_without_postgresql_after_the_installation_is_said(tmp_path: Path) -> None:
    done, _ = set_up(tmp_path, installs=False)
    assert done.returncode == 1 and "has installed no PostgreSQL" in done.stderr


@pytest.mark.parametrize("file", ["cluster.yaml", "cluster/gcp.yaml"])
def test_cluster_starts_the_services_on_the_head_before_ray(file: str) -> None:
    config = yaml.safe_load((ROOT / file).read_text("utf-8"))
    assert config["head_setup_commands"] == ["bash ~/sweep/cluster/setup_head.sh"]
    start = config["head_start_ray_commands"]
    assert start.index("ray stop") < start.index("sweep services start") < len(start) - 1 and "ray start" in start[-1]
    assert not [line for line in config["worker_start_ray_commands"] if "services" in line]
    (folder,) = [option for option in config["docker"]["head_run_options"] if VARIABLE in option]
    assert folder == f"-e {VARIABLE}=/mnt/local/services"


def test_supervisord_is_told_no_secret_and_opens_no_port(tmp_path: Path) -> None:
    place = Place(tmp_path / "100%s full")
    held = configparser.RawConfigParser()
    held.read_string(configuration(place))
    assert {name.partition(":")[2] for name in held.sections() if name.startswith("program:")} == set(PROGRAMS)
    assert "inet_http_server" not in held.sections()
    assert held["unix_http_server"]["file"] == str(place.control).replace("%", "%%")
    for name in PROGRAMS:
        assert held[f"program:{name}"]["command"].endswith(f"-m sweep.services.running {name}")


@pytest.mark.parametrize(("store", "files"), [("s3://b/s", "s3://b/s/artifacts"), ("/mnt/kept", "file:///mnt/kept/artifacts")])
def test_mlflow_listens_on_the_loopback_and_serves_the_store_s_files(store: str, files: str) -> None:
    words = mlflow_words(Settings(store=store, port=5001))
    assert words[0] == sys.executable
    assert words[words.index("--host") + 1] == "127.0.0.1" and words[words.index("--port") + 1] == "5001"
    assert words[words.index("--artifacts-destination") + 1] == files and "--serve-artifacts" in words


@pytest.mark.parametrize("verb", ["status", "backup"])
def test_verb_without_services_is_the_users_fault(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/tmp/no-services-here")
    result = CliRunner().invoke(main, ["services", verb])
    assert result.exit_code == 2 and "never started" in result.output and "sweep services start" in result.output


def test_stop_without_services_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/tmp/no-services-here")
    assert CliRunner().invoke(main, ["services", "stop"]).exit_code == 0
    assert not Path("/tmp/no-services-here").exists()
