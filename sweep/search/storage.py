"""Optuna's studies, answered from memory and kept in a database by a thread, so that no fault of a database reaches the search.

* The search reads and writes memory alone. What changed is written behind it, in the order of a study's trials.
* A database that is locked, slow or gone is tried again, ever more rarely, and said once; it is filled again when it is back,
  also when it has come back empty. What it never got is drawn again from the records at the next launch.
* What a user has to mend is told at the start, before anything runs: an address that makes no sense, a driver that is not
  installed, a server that does not answer or does not let us in. No message shows a password.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweep.masking import masked
from sweep.tracking.place import database_file, database_path
from training.errors import UserError

VARIABLE = "SWEEP_OPTUNA_STORAGE"
LOCKED_SECONDS = 15.0
"""Seconds that SQLite waits for another process's lock before it says so."""
OPENING = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further try to reach a server at the start."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds for which a database is left alone after a fault: doubled from the first to the longest."""
Warn = Callable[[str], None]
optuna.logging.set_verbosity(optuna.logging.WARNING)


class StudyStorage(InMemoryStorage):
    """Optuna's storage in memory, written to the database of `url` by a thread; close it at the end.

    Studies are read from the database when they are opened; one that can't be read then begins empty, and the caller fills it
    from the records. `warn` takes one line for the user (the log, by default), from the writing thread too.
    """

    def __init__(self, url: str, back: RDBStorage | None, warn: Warn | None = None, *, pause: float = FIRST_PAUSE) -> None:
        """`back` is the open database, None where it could not be opened yet."""
        super().__init__()
        self.url, self._warn, self._pause = url, warn or logging.getLogger(__name__).warning, pause
        self._back = back
        self._file = _Identity(url)
        self._there: dict[int, _Written] = {}
        self._changed: dict[int, set[int]] = {}
        self._under_way = 0
        self._failing = False
        self._closing = threading.Event()
        self._work = threading.Event()
        self._thread = threading.Thread(target=self._run, name="optuna-storage", daemon=True)
        self._thread.start()

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Make a study, or take it up from the database: then Optuna's DuplicatedStudyError says that it is there."""
        with self._lock:
            if study_name is not None and study_name not in self._study_name_to_id:
                self._read(study_name)
            study_id = int(super().create_new_study(directions, study_name))
        self._note(study_id)
        return study_id

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial in memory; it is written soon."""
        with self._lock:
            trial_id = int(super().create_new_trial(study_id, template_trial))
        self._note(study_id, self.get_trial_number_from_id(trial_id))
        return trial_id

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """End a trial in memory; it is written soon."""
        with self._lock:
            done = bool(super().set_trial_state_values(trial_id, state, values))
            study_id, number = self._trial_id_to_study_id_and_number[trial_id]
        self._note(study_id, number)
        return done

    def close(self, timeout: float = 30.0) -> int:
        """Write what is left, for at most `timeout` seconds, and end; returns how many changes the database lacks."""
        self._closing.set()
        self._work.set()
        self._thread.join(timeout)
        with self._lock:
            left = self._under_way + sum(map(len, self._changed.values()))
        if left or self._failing:
            self._warn("the search's database lacks some settings; the next launch fills it from the records")
        return left

    def _note(self, study_id: int, *numbers: int) -> None:
        with self._lock:
            self._changed.setdefault(study_id, set()).update(numbers)
        self._work.set()

    def _read(self, name: str) -> None:
        """Take up a study of the database into memory, where there is one."""
        back = self._back
        if back is None or self._failing:
            return
        try:
            there = back.get_study_id_from_name(name)
            trials = back.get_all_trials(there, deepcopy=False)
            directions = back.get_study_directions(there)
        except KeyError:
            return
        except Exception as error:
            self._say(error)
            return
        study_id = super().create_new_study(directions, name)
        for trial in trials:
            super().create_new_trial(study_id, trial)
        self._there[study_id] = _Written(there, [(trial._trial_id, trial.state) for trial in trials])

    def _run(self) -> None:
        pause = self._pause
        closing = False
        while not closing:
            self._work.wait()
            self._work.clear()
            closing = self._closing.is_set()
            try:
                self._write_all()
            except Exception as error:
                self._say(error)
                self._forget()
                self._closing.wait(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
                self._work.set()
            else:
                pause = self._pause
                self._say_back()
        self._forget()

    def _write_all(self) -> None:
        """Write every change; what was written is struck off as it goes."""
        if self._file.changed():
            self._forget()
        while True:
            with self._lock:
                study_id = next(iter(self._changed), None)
                if study_id is None:
                    return
                # Out of the set first: a trial that ends while it is written is noted there again.
                numbers, self._changed[study_id] = sorted(self._changed[study_id]), set()
                self._under_way = len(numbers)
            try:
                self._write(study_id, numbers)
            except Exception:
                with self._lock:
                    self._changed[study_id].update(numbers)
                raise
            finally:
                self._under_way = 0
            with self._lock:
                if not self._changed[study_id]:
                    del self._changed[study_id]

    def _write(self, study_id: int, numbers: Sequence[int]) -> None:
        if self._back is None:
            self._back = _opened(self.url)
            self._file = _Identity(self.url)
        if study_id not in self._there:
            self._there[study_id] = self._taken_up(study_id)
            numbers = range(len(self._studies[study_id].trials))
        written = self._there[study_id]
        for number in numbers:
            with self._lock:
                trial = self._studies[study_id].trials[number]
            if number >= len(written.trials):
                written.trials.append((self._back.create_new_trial(written.study_id, trial), trial.state))
                continue
            there, state = written.trials[number]
            if trial.state.is_finished() and not state.is_finished():
                for step, value in sorted(trial.intermediate_values.items()):
                    self._back.set_trial_intermediate_value(there, step, value)
                self._back.set_trial_state_values(there, trial.state, trial.values)
                written.trials[number] = (there, trial.state)

    def _taken_up(self, study_id: int) -> _Written:
        """What the database has of a study, which is made there where it has none."""
        assert self._back is not None
        info = self._studies[study_id]
        try:
            there = self._back.get_study_id_from_name(info.name)
        except KeyError:
            there = self._back.create_new_study(info.directions, info.name)
        trials = self._back.get_all_trials(there, deepcopy=False)
        return _Written(there, [(trial._trial_id, trial.state) for trial in trials])

    def _forget(self) -> None:
        """Know nothing of the database any more: it is opened and compared anew, study by study."""
        back, self._back = self._back, None
        self._there.clear()
        with self._lock:
            for study_id in self._studies:
                self._changed.setdefault(study_id, set())
        if back is not None:
            with contextlib.suppress(Exception):
                back.remove_session()
                back.engine.dispose()

    def _say(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            where = masked(self.url)
            self._warn(f"the search's database {where} does not take what is written ({_reason(error)}); the search goes on")

    def _say_back(self) -> None:
        if self._failing:
            self._failing = False
            self._warn("the search's database is back, and has what it missed")


class _Written:
    """What the database has of a study: its id there, and (id, state) of its trials by number."""

    def __init__(self, study_id: int, trials: list[tuple[int, TrialState]]) -> None:
        self.study_id, self.trials = study_id, trials


class _Identity:
    """Which file a SQLite address stands for now; an open connection would go on writing to one that was removed."""

    def __init__(self, url: str) -> None:
        self._url, self._first = url, database_file(url)

    def changed(self) -> bool:
        """Whether the file is another one, or gone."""
        return database_file(self._url) != self._first


def open_storage(url: str, warn: Warn | None = None) -> StudyStorage:
    """The storage of a sweep's studies (SQLite in the run folder unless told otherwise); a damaged SQLite file is set aside.

    Raises UserError on an address, a driver, a server or a set of tables that can't be used; a SQLite file that another process
    holds is written to later.
    """
    back = None
    for wait in (*OPENING, None):
        try:
            back = _opened(url)
            break
        except Exception as error:
            if _is_locked(error):
                break
            if wait is None or not _may_pass(error):
                remedy = f"correct {VARIABLE} or start its server; without it the studies are a file in the run folder"
                raise UserError(f"the search's database {masked(url)} can't be opened", _reason(error), remedy) from error
            time.sleep(wait)
    return StudyStorage(url, back, warn)


def _opened(url: str) -> RDBStorage:
    """A connection; makes the tables where there are none, and sets a damaged SQLite file aside."""
    path = database_path(url)
    if path is None:
        return optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    if path.is_file() and not _is_sound(path):
        path.replace(path.with_name(f"{path.name}.damaged"))

    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(path, timeout=LOCKED_SECONDS, check_same_thread=False)
        made.execute("pragma synchronous = off")  # what a power cut takes is made again from the records
        return made

    return optuna.storages.RDBStorage(url, engine_kwargs={"creator": connect})


def _is_sound(path: Path) -> bool:
    """Whether SQLite can make sense of a file."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=1)) as database:
            return bool(database.execute("pragma quick_check").fetchone() == ("ok",))
    except sqlite3.OperationalError:  # in use, or not ours to read: not for us to decide
        return True
    except sqlite3.DatabaseError:
        return False


def _is_locked(error: BaseException) -> bool:
    return any(isinstance(one, sqlite3.OperationalError) and "locked" in str(one) for one in _causes(error))


def _may_pass(error: BaseException) -> bool:
    """Whether another try may help: a server that does not answer, but not one that refuses us."""
    import sqlalchemy.exc

    refused = ("authentication", "does not exist", "no password", "not permitted", "denied", "unable to open")
    seen = [one for one in _causes(error) if isinstance(one, sqlalchemy.exc.OperationalError)]
    return bool(seen) and not any(word in str(one) for one in seen for word in refused)


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what it came from: Optuna and SQLAlchemy wrap what the driver says."""
    found: list[BaseException] = []
    seen: BaseException | None = error
    while seen is not None and seen not in found:
        found.append(seen)
        seen = getattr(seen, "orig", None) or seen.__cause__ or seen.__context__
    return found


def _reason(error: BaseException) -> str:
    """The first line of what lies deepest in an error and has words: some drivers end with an empty pair of brackets."""
    said = [text for one in _causes(error) if any(map(str.isalpha, text := str(one).strip()))]
    text = said[-1] if said else type(error).__name__
    return masked(text.splitlines()[0])[:200]
