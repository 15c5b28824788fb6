"""`--down`: a cluster ends when its sweep is over and its results are safe; in every other case it stays, with a word."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from sweep.away import down, keeper, place
from sweep.away.down import bring_and_judge, end_cluster, hand_in_keeper, refuse_down
from sweep.away.fetching import Fetched
from sweep.away.keeper import keep_watch, others, outlives, over
from sweep.away.place import Kind, Place
from sweep.cli import main
from sweep.ending import Ending, EndState, write_ending
from training.errors import UserError

FIND_PLACE = place.find_place
JOB = "sweep-all-0123456789-1"
DISK = "overlay / overlay rw 0 0\n/dev/nvme0n1 /data ext4 rw 0 0\n"
MOUNTS = DISK + "fs-1.efs:/ /mnt/sweep nfs4 rw 0 0\nmountpoint-s3 /mnt/my\\040bucket fuse.mountpoint-s3 rw 0 0\n"


class Hours:
    """A cluster's days in virtual time: each job goes until its moment."""

    def __init__(self, **until: float) -> None:
        self.now, self.until, self.ended_at = 0.0, {JOB: until.pop("launch"), **until}, 0.0

    def job(self, name: str) -> Any:
        return type("Job", (), {"going": self.now < self.until[name]})

    def going(self) -> set[str]:
        return {name for name, moment in self.until.items() if self.now < moment} | {keeper.KEEPER + JOB}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def end(self) -> int:
        self.ended_at = self.now
        return 3

    def watched(self, run: Path, lasts: bool = True) -> str:
        return keep_watch(
            self, JOB, run, self.end, lasts=lambda run: lasts, grace=600.0, clock=lambda: self.now, sleep=self.sleep
        )


@pytest.mark.parametrize(
    ("state", "stays"),
    [(EndState.FINISHED, ""), (EndState.LEFT_OUT, ""), (EndState.STOPPED, "stopped"), (EndState.FAILED, "fault")],
)
def test_cluster_goes_only_with_a_sweep_that_is_over(tmp_path: Path, state: EndState, stays: str) -> None:
    write_ending(tmp_path, Ending(state=state))
    hours = Hours(launch=1000.0)
    said = hours.watched(tmp_path)
    assert (hours.ended_at > 0) == (not stays) and stays in said
    assert bool(over(Ending(state=state))) == bool(stays)


def test_launch_that_was_killed_leaves_its_cluster(tmp_path: Path) -> None:
    hours = Hours(launch=1000.0)
    assert "from outside" in hours.watched(tmp_path) and not hours.ended_at


def test_head_waits_for_the_laptop_and_for_whatever_else_runs(tmp_path: Path) -> None:
    write_ending(tmp_path, Ending(state=EndState.FINISHED))
    alone, shared = Hours(launch=1000.0), Hours(launch=1000.0, **{"sweep-other-1": 5000.0})
    assert alone.watched(tmp_path) == shared.watched(tmp_path) == "3 machines ended"
    assert 1600 <= alone.ended_at <= 1620
    assert 5600 <= shared.ended_at <= 5620


def test_head_ends_nothing_while_the_results_lie_on_its_own_disk(tmp_path: Path) -> None:
    write_ending(tmp_path, Ending(state=EndState.FINISHED))
    hours = Hours(launch=10.0)
    assert "nobody has fetched it" in hours.watched(tmp_path, lasts=False) and not hours.ended_at


@pytest.mark.parametrize(
    ("folder", "lasts"),
    [("/mnt/sweep/runs/all", True), ("/mnt/my bucket/all", True), ("/mnt/sweeper", False), ("/data/all", False), ("/x", False)],
)
def test_storage_outlives_the_cluster_where_it_is_no_machines_own(folder: str, lasts: bool) -> None:
    assert outlives(Path(folder), MOUNTS) is lasts


def test_jobs_that_only_wait_to_end_the_cluster_keep_nobody_waiting() -> None:
    assert others({"sweep-down-a-1", "a-1", "b-1"}, "a-1") == ["b-1"]


@dataclass
class Laptop:
    """The cluster as the laptop sees it, and what was done to it."""

    on: str
    run: Path
    state: EndState | None = EndState.FINISHED
    fault: str = ""
    jobs: set[str] = field(default_factory=lambda: {keeper.KEEPER + JOB})
    ended: list[str] = field(default_factory=list)

    def going(self) -> set[str]:
        return self.jobs

    def end(self, name: str) -> None:
        self.ended.append(name)

    def fetch(self, cluster: object, run: str, folder: Path) -> Fetched:
        if self.fault:
            raise UserError(self.fault)
        folder.mkdir(parents=True)
        if self.state:
            write_ending(folder, Ending(state=self.state))
        return Fetched(came=3, bytes=10, already=0, gone=0)


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    monkeypatch.chdir(tmp_path)
    found = Laptop("cluster.yaml", tmp_path / "runs" / "all")
    monkeypatch.setattr(down, "fetch", found.fetch)
    yield found


def _judge(laptop: Any) -> bool:
    return bring_and_judge(laptop, JOB, "runs/all", Console())


def test_laptop_ends_the_cluster_once_the_results_are_here(laptop: Laptop) -> None:
    assert _judge(laptop) and laptop.run.is_dir()
    assert laptop.ended == [], "the head stays ready to end it, should `ray down` fail"


def test_results_that_can_not_be_fetched_keep_the_cluster(laptop: Laptop) -> None:
    laptop.fault = "no space left"
    with pytest.raises(UserError, match="not ended") as fault:
        _judge(laptop)
    assert laptop.ended == [keeper.KEEPER + JOB]
    assert "sweep fetch --on cluster.yaml" in fault.value.remedy and "ray down cluster.yaml" in fault.value.remedy


def test_sweep_that_was_stopped_keeps_the_cluster(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    laptop.state = EndState.STOPPED
    assert not _judge(laptop)
    assert "can go on. To end it: ray down cluster.yaml" in capsys.readouterr().out.replace("\n", " ")
    assert laptop.ended == [keeper.KEEPER + JOB]


def test_other_sweep_of_the_cluster_keeps_it_until_that_is_over(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    laptop.jobs.add("sweep-other-1")
    assert not _judge(laptop)
    assert "sweep-other-1" in capsys.readouterr().out and laptop.ended == []


def test_launch_has_one_keeper_however_often_it_is_given(laptop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[list[str]] = []
    monkeypatch.setattr(down, "submit", lambda cluster, name, words, metadata: handed.append([name, *words]))
    hand_in_keeper(laptop, JOB, "runs/all", Console())
    laptop.jobs = set()
    hand_in_keeper(laptop, JOB, "runs/all", Console())
    assert handed == [[keeper.KEEPER + JOB, keeper.END, JOB, "runs/all"]]


@pytest.mark.parametrize("kind", [Kind.HERE, Kind.ATTACHED, Kind.DASHBOARD])
def test_place_without_a_cluster_file_can_not_be_ended(kind: Kind) -> None:
    with pytest.raises(UserError, match="--down ends the cluster of a file"):
        refuse_down(Place(kind=kind, on="there"))


def _ray(tmp_path: Path, text: str) -> Callable[[], str]:
    path = tmp_path / "ray"
    path.write_text(f"#!{sys.executable}\nimport sys\n{text}\n")
    path.chmod(0o755)
    return lambda: str(path)


def test_ray_down_is_given_for_the_file_and_its_refusal_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = f"open({str(tmp_path / 'said')!r}, 'w').write(' '.join(sys.argv[1:]))"
    monkeypatch.setattr(down, "ray_program", _ray(tmp_path, note))
    end_cluster("my cluster.yaml", Console())
    assert (tmp_path / "said").read_text() == "down --yes my cluster.yaml"
    monkeypatch.setattr(down, "ray_program", _ray(tmp_path, "sys.exit('no credentials')"))
    with pytest.raises(UserError, match="could not be ended") as fault:
        end_cluster("cluster.yaml", Console())
    assert fault.value.value == "no credentials" and fault.value.remedy == "ray down cluster.yaml"


def test_launch_on_this_machine_refuses_down(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from sweep.cli import main; main()", "launch", "--grid", "tiny", "--on", "local", "--down"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and "--on cluster.yaml --down" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_resume_without_a_place_refuses_down_though_a_cluster_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Place(kind=Kind.FILE, on="cluster.yaml", why="it runs")
    monkeypatch.setattr(place, "find_place", lambda on: running if on is None else FIND_PLACE(on))
    done = CliRunner().invoke(main, ["resume", "--down"])
    assert done.exit_code == 2 and "--on cluster.yaml --down" in done.output
