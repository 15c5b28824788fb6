"""The choice of a run folder's chains."""

from __future__ import annotations

from pathlib import Path

from sweep.selecting.choosing import choose
from tests.sweep.plans import study_of
from tests.sweep.runs import begun, leave, record_of


def test_damaged_record_is_told_and_left_out_of_the_choice(tmp_path: Path) -> None:
    plan, told = begun(tmp_path / "run"), list[str]()
    study = study_of(plan, "mini.none.mini_udpos")
    whole, damaged = (record_of(plan, study, number, 50.0 + number) for number in range(2))
    leave(plan, whole, damaged)
    path = plan.run / "records" / f"{damaged.trial}.json"
    path.write_bytes(path.read_bytes()[:-9])
    found = choose(plan.run, "dev", [], None, told.append)
    assert set(found.records) == {whole.trial}
    assert len(told) == 1 and "a record is damaged and left out" in told[0]
