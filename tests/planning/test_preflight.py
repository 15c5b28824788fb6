"""Before anything is trained, all data is read and all faults are told at once; a trial that can run nowhere is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.schema import Grid
from sweep.planning.preflight import check_data, check_resources, node_resources
from tests.sweep.plans import grid_of, plan_of
from training.data.loading import DataSource
from training.errors import Faults, UserError

GRID = """\
name: small
models: {mini: {source: mini_world}}
intermediates: [none]
targets: [mini_udpos]
data: {mini_udpos: {languages: [en, qaa]}}
"""


@pytest.fixture
def grid() -> Grid:
    return grid_of(GRID)


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, DataSource]:
    (tmp_path / "udpos").mkdir()
    for name in ("train-en", "dev-en", "test-en", "test-qaa"):
        (tmp_path / "udpos" / f"{name}.tsv").write_text("a\tDET\ndog\tNOUN\n\nruns\tVERB\n\n")
    return {name: replace(source, root=tmp_path) for name, source in plan_of(GRID).sources.items()}


def test_sound_data_is_counted_by_split(grid: Grid, sources: dict[str, DataSource]) -> None:
    assert check_data(grid, sources) == {"mini_udpos/train": 2, "mini_udpos/dev": 2, "mini_udpos/scored": 4}


def test_faults_of_several_files_are_told_together(grid: Grid, sources: dict[str, DataSource], tmp_path: Path) -> None:
    (tmp_path / "udpos" / "train-en.tsv").write_text("a\tDET\ndog\tNUON\nruns\tVREB\n\n")
    (tmp_path / "udpos" / "dev-en.tsv").unlink()
    (tmp_path / "udpos" / "test-qaa.tsv").write_bytes(b"a\tDET\n\xff\xfe\tNOUN\n\n")
    with pytest.raises(Faults) as found:
        check_data(grid, sources)
    said = str(found.value)
    assert said.startswith("4 faults in the data of grid small")
    for word in ("NUON", "VREB", "train-en.tsv", "dev-en.tsv", "test-qaa.tsv"):
        assert word in said
    assert "test-en.tsv" not in said


@pytest.mark.parametrize(
    ("wanted", "nodes"),
    [
        ({"CPU": 2.0}, [{"CPU": 2.0}]),
        ({"CPU": 2.0}, [{"CPU": 1.0}, {"CPU": 8.0, "GPU": 1.0}]),
        ({"CPU": 1.0, "GPU": 0.5}, [{"CPU": 4.0}, {"CPU": 4.0, "GPU": 1.0}]),
    ],
)
def test_trial_that_some_machine_can_run_is_let_through(wanted: dict[str, float], nodes: list[Mapping[str, float]]) -> None:
    check_resources(wanted, nodes)


@pytest.mark.parametrize(
    ("wanted", "nodes", "need", "best"),
    [
        ({"CPU": 64.0}, [{"CPU": 2.0}, {"CPU": 8.0}], "needs 64 CPU", "8 CPU"),
        ({"CPU": 1.0, "GPU": 1.0}, [{"CPU": 8.0}], "needs 1 CPU, 1 GPU", "8 CPU, 0 GPU"),
        ({"CPU": 4.0, "GPU": 1.0}, [{"CPU": 8.0}, {"CPU": 2.0, "GPU": 1.0}], "needs 4 CPU, 1 GPU", "8 CPU, 0 GPU"),
        ({"CPU": 1.0}, [], "needs 1 CPU", "none"),
    ],
)
def test_trial_that_no_machine_can_run_is_refused(
    wanted: dict[str, float], nodes: list[Mapping[str, float]], need: str, best: str
) -> None:
    with pytest.raises(UserError) as refused:
        check_resources(wanted, nodes)
    assert need in refused.value.cause
    assert best in refused.value.value
    assert "resources" in refused.value.remedy


def test_machines_that_are_gone_do_not_count() -> None:
    nodes = [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 64.0}}]
    assert node_resources(nodes) == [{"CPU": 2.0}]
