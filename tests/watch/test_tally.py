"""What is counted of a sweep: each record once, in any order, and only those of the grid as it is now."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.amounts import amount, duration, size
from sweep.runfolder import RunMark, read_mark
from sweep.watch.glances import Glance, GlanceReader, PhaseGlance, glance
from sweep.watch.standing import Pace, pair_of
from sweep.watch.tally import Tally
from tests.sweep.plans import study_of
from tests.sweep.runs import TWO_SEEDS, begun, leave, record_of
from training.record import Status, record_path

LABEL = "mini.none.mini_udpos~abc"
MARK = RunMark(
    schema=1,
    sweep="s",
    grid="small",
    studies=(LABEL,),
    trials=8,
    seeds=(1, 2),
    budgets={LABEL: 4},
    resources={"gpu": 0.5, "cpu": 2.0},
)


def _seen(number: int, seed: int = 1, score: float | None = 50.0, status: Status = Status.FINISHED) -> Glance:
    return Glance(
        trial=f"t{number}s{seed}",
        study=LABEL,
        number=number,
        seed=seed,
        status=status,
        score=score,
        reason="",
        seconds=3600.0,
        rungs=0,
        phases=(PhaseGlance(key="shared", role="pretrain", trained=number == 0, tokens=100, seconds=1.0),),
    )


@given(st.permutations([(number, seed) for number in range(4) for seed in (1, 2)]), st.lists(st.floats(0, 100), min_size=8))
def test_sums_and_best_do_not_depend_on_the_order(order: list[tuple[int, int]], scores: list[float]) -> None:
    tally = Tally(MARK)
    for number, seed in order:
        assert tally.note(_seen(number, seed, scores[number * 2 + seed - 1]))
        known = {n: [scores[n * 2 + s - 1] for m, s in order[: order.index((number, seed)) + 1] if m == n] for n, _ in order}
        expected = max(statistics.fmean(values) for values in known.values() if values)
        assert tally.pairs[LABEL].best == pytest.approx(expected)
    assert (tally.settled, tally.pairs[LABEL].settled, tally.pairs[LABEL].complete) == (8, 8, True)
    assert (len(tally.trained), tally.reused, tally.tokens) == (1, 7, 100)


def test_record_is_counted_once() -> None:
    tally = Tally(MARK)
    assert tally.note(_seen(0))
    assert not tally.note(_seen(0))
    assert tally.finished == 1


def test_phases_of_trials_at_a_rung_are_counted_once() -> None:
    tally, waiting = Tally(MARK), [_seen(0), _seen(1), replace(_seen(2), study="old")]
    for _ in range(2):
        tally.note_paused(waiting)
        assert (tally.paused, len(tally.trained), tally.reused, tally.tokens, tally.settled) == (2, 1, 1, 100, 0)
    tally.note(_seen(0))
    assert (tally.paused, len(tally.trained), tally.reused) == (1, 1, 1)
    tally.note_paused(waiting[:1])
    assert (tally.paused, tally.reused) == (0, 0)


def test_stopped_and_failed_trials_are_counted_apart_and_are_never_best() -> None:
    tally = Tally(MARK)
    tally.note(_seen(0, score=40.0))
    tally.note(_seen(1, score=90.0, status=Status.STOPPED))
    tally.note(replace(_seen(2, score=None, status=Status.FAILED), reason="diverged\nat step 3"))
    pair = tally.pairs[LABEL]
    assert (pair.finished, pair.stopped, pair.failed, pair.best, len(pair.tried)) == (1, 1, 1, 40.0, 3)
    assert tally.failures == [("t2s1", "diverged")]


def test_records_of_an_earlier_form_of_the_grid_are_not_counted() -> None:
    tally = Tally(MARK)
    assert not tally.note(replace(_seen(0), study="mini.none.mini_udpos~old"))
    assert not tally.note(_seen(0, seed=3))
    assert tally.settled == 0


def test_hours_are_of_gpus_where_a_trial_holds_one_and_of_cores_elsewhere() -> None:
    on_gpu, on_cpu = Tally(MARK), Tally(replace(MARK, resources={"gpu": 0.0, "cpu": 2.0}))
    for tally in (on_gpu, on_cpu):
        tally.note(_seen(0))
    assert (on_gpu.hours, on_gpu.mark.unit) == (0.5, "GPU-hours")
    assert (on_cpu.hours, on_cpu.mark.unit) == (2.0, "CPU-hours")


def test_quick_reader_sees_what_the_record_says(tmp_path: Path) -> None:
    plan = begun(tmp_path / "run", TWO_SEEDS)
    study = study_of(plan, "mini.mini_nli.mini_udpos")
    records = [
        record_of(plan, study, 0, 40.0),
        record_of(plan, study, 1, 30.0, status=Status.STOPPED),
        record_of(plan, study, 2, None, reason="diverged"),
    ]
    leave(plan, *records)
    reader = GlanceReader(plan.run)
    found = {seen.trial: replace(seen, written=0.0) for seen in reader.read()}
    assert found == {record.trial: glance(record) for record in records}
    assert reader.read() == []
    late = record_of(plan, study, 0, 41.0, seed=2)
    leave(plan, late)
    assert [seen.trial for seen in reader.read()] == [late.trial]
    record_path(plan.run, late.trial).unlink()
    assert sorted(seen.trial for seen in reader.read_all()) == sorted(found)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"trial": "x"}', json.dumps({"schema": 9}).encode()])
def test_quick_reader_passes_over_what_it_cannot_read(tmp_path: Path, content: bytes) -> None:
    plan = begun(tmp_path / "run")
    (plan.run / "records").mkdir()
    (plan.run / "records" / "damaged.json").write_bytes(content)
    (plan.run / "records" / ".half.json.tmp").write_bytes(b"{}")
    reader = GlanceReader(plan.run)
    assert reader.read() == [] and reader.damaged == {"damaged.json"}
    (plan.run / "records" / "damaged.json").unlink()
    assert reader.read() == [] and not reader.damaged


def test_mark_of_a_launch_names_budgets_store_and_resources(tmp_path: Path) -> None:
    plan = begun(tmp_path / "run", TWO_SEEDS)
    mark = read_mark(plan.run)
    assert mark.budgets == {study.label: plan.settings_of(study) for study in plan.studies}
    assert sum(mark.budgets.values()) * 2 == mark.trials
    assert (mark.store, mark.unit, mark.share_of("any")) == ("", "CPU-hours", 1.0)


def test_pace_counts_this_launch_and_knows_nothing_before_its_first_record() -> None:
    now = [0.0]
    pace = Pace(0.0, lambda: now[0])
    now[0] = 100.0
    assert (pace.trials_an_hour, pace.tokens_a_second, pace.left(5)) == (None, None, None)
    pace.note(_seen(0))
    assert (pace.trials_an_hour, pace.tokens_a_second, pace.left(5)) == (36.0, 1.0, 495.0), "a second of it was pretraining"


def test_two_models_that_are_pretrained_at_once_leave_time_to_the_rest() -> None:
    now = [300.0]
    pace = Pace(0.0, lambda: now[0])
    phase = PhaseGlance(key="one", role="pretrain", trained=True, tokens=100, seconds=250.0)
    pace.note(replace(_seen(0), seconds=300.0, phases=(phase,)))
    now[0] = 500.0
    pace.note(replace(_seen(1), seconds=490.0, phases=(replace(phase, key="other", seconds=400.0),)))
    assert pace.pretraining == 410.0, "from 0 to 250 and from 10 to 410"
    assert pace.left(4) == 180.0
    pace.note(replace(_seen(2), written=600.0, seconds=70.0, phases=(replace(phase, key="third", seconds=30.0),)))
    assert pace.pretraining == 440.0, "one that is read later counts from when its record was written"


def test_time_left_leaves_the_beginning_out_and_takes_trials_under_way_for_half_done() -> None:
    now = [120.0]
    pace = Pace(100.0, lambda: now[0])
    now[0] = 150.0
    pace.note(replace(_seen(1), seconds=20.0))
    assert pace.left(10) == 200.0, "the first 30 s were the launch's own"
    assert pace.left(10, running=2) == 20.0 / 2 * 9
    assert pace.left(1, running=2) == 20.0 / 1.5 * 0.5, "no more than there are"
    assert pace.left(0, running=1) == 0.0


def test_name_of_a_trial_gives_its_pair() -> None:
    assert pair_of("mini.multi_task.mini_udpos-012-s34--0123abcd") == "mini.multi_task.mini_udpos"
    assert pair_of("") == ""


def test_numbers_are_worded_for_a_person() -> None:
    assert [duration(value) for value in (-3, 0.4, 99, 119, 3600 * 3 + 300, 3600 * 24 * 3)] == [
        *("0 s", "0 s", "99 s", "2 min", "3 h 05 min", "3 d 0 h"),
    ]
    assert [amount(value) for value in (0.0421, 8.14, 12, 950, 999.6, 12_345, 4_560_000, 1.2e9)] == [
        *("0.042", "8.1", "12", "950", "1k", "12.3k", "4.56M", "1.2G"),
    ]
    assert [size(value) for value in (0, 999, 12_300_000, 2_240_000_000_000)] == ["0 B", "999 B", "12.3 MB", "2.24 TB"]
