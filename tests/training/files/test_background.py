from __future__ import annotations

from threading import Event, current_thread, main_thread

import pytest

from training.files.background import Background


def test_work_is_done_beside_and_one_piece_at_a_time() -> None:
    background, go, seen = Background("work"), Event(), list[str]()

    def first() -> None:
        assert go.wait(240) and current_thread() is not main_thread() and current_thread().name == "work"
        seen.append("first")

    background.begin(first)
    assert background.busy and seen == []
    background.check()
    go.set()
    background.begin(lambda: seen.append("second"))
    assert seen[0] == "first"
    background.wait()
    assert seen == ["first", "second"] and not background.busy


@pytest.mark.parametrize("how", ["wait", "begin"])
def test_fault_is_raised_once_where_it_is_asked_for(how: str) -> None:
    background = Background("work")

    def fail() -> None:
        raise ValueError("a fault")

    background.begin(fail)
    with pytest.raises(ValueError, match="a fault"):
        background.wait() if how == "wait" else background.begin(lambda: None)
    background.wait()
    background.check()
    assert background.settle() is None


def test_fault_is_seen_without_waiting_and_settled_without_being_raised() -> None:
    background, go = Background("work"), Event()

    def fail() -> None:
        assert go.wait(240)
        raise KeyboardInterrupt

    background.begin(fail)
    background.check()
    go.set()
    assert isinstance(background.settle(), KeyboardInterrupt)
    background.begin(fail)
    assert background._thread is not None
    background._thread.join()
    with pytest.raises(KeyboardInterrupt):
        background.check()
