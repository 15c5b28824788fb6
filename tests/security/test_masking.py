"""A secret is in no text that is shown or kept, however it is spelt."""

from __future__ import annotations

import logging
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest
import ray.tune.execution.class_cache as class_cache
from hypothesis import given
from hypothesis import strategies as st

from sweep.executors.keeping import kept_actors
from sweep.masking import mask_logs, masked
from sweep.options import notify_address, store_folder
from tests.security.planted import NAMES, environment, leaks, secret
from training.errors import UserError

LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="*")
PASSWORDS = st.text(LETTERS, min_size=9, max_size=30).map(lambda text: f"q{text}Q")
SPELLINGS = st.sampled_from([str, lambda text: quote(text, safe=""), quote, quote_plus])
AROUND = st.sampled_from(["", "connection to ", "http://elsewhere:80/x ", "a:b@c ", "(", "'", "sqlite:////runs/x.db and "])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://reader@server:open@db/x", "postgresql://reader@server:***@db/x"),
        ("postgresql://reader:op@en@db/x", "postgresql://reader:***@db/x"),
        ("postgresql://reader@db/x", "postgresql://reader@db/x"),
        ("https://opensesame@hooks/x", "https://***@hooks/x"),
        ("redis://default:op/en@db/1", "redis://default:***@db/1"),
        ("host=db password='open sesame' user=x", "host=db password=*** user=x"),
        ("/x?api_key=open&access_token=open&key=open&page=2", "/x?api_key=***&access_token=***&key=***&page=2"),
        ("Authorization: Bearer opensesame", "Authorization: Bearer ***"),
        ("sqlite:////home/a@b/x.db", "sqlite:////home/a@b/x.db"),
        ("12.4k tokens trained, token accuracy 3", "12.4k tokens trained, token accuracy 3"),
        ("postgresql+psycopg2://sweep:hunter2@db:5432/mlflow", "postgresql+psycopg2://sweep:***@db:5432/mlflow"),
        ("cannot reach https://a:b%40c@host/x today", "cannot reach https://a:***@host/x today"),
        ("postgresql://db/mlflow?user=me&password=hunter2", "postgresql://db/mlflow?user=me&password=***"),
        ("sqlite:////runs/all/mlflow.db", "sqlite:////runs/all/mlflow.db"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_what_stands_where_a_password_does_is_hidden(text: str, shown: str) -> None:
    assert masked(text, {}) == shown


@given(PASSWORDS, SPELLINGS, AROUND, st.sampled_from(["postgresql+psycopg", "mysql", "http", "https"]), st.booleans())
def test_password_of_any_address_is_hidden(password: str, spell: object, around: str, scheme: str, user: bool) -> None:
    assert callable(spell)
    shown = masked(f"{around}{scheme}://{'reader' if user else ''}:{spell(password)}@server:1/base refused", {})
    assert password not in shown and spell(password) not in shown and "***" in shown


@given(PASSWORDS, SPELLINGS, AROUND)
def test_secret_of_the_environment_is_hidden_wherever_it_is_repeated(password: str, spell: object, around: str) -> None:
    assert callable(spell)
    for here in ({"DB_PASSWORD": password}, {"DATABASE": f"postgresql://me:{quote(password, safe='')}@db/x"}):
        shown = masked(f"{around}it said {spell(password)}, and {password!r}", here)
        assert password not in shown and spell(password) not in shown


@given(st.sampled_from(NAMES[:-1]), SPELLINGS)
def test_every_planted_secret_is_hidden(name: str, spell: object) -> None:
    assert callable(spell)
    studies = f"postgresql://planted:{quote(secret('studies'), safe='')}@db/x"
    assert not leaks("the text", masked(f"no {spell(secret(name))} here", environment(studies=studies)).encode())


def test_what_only_sounds_like_a_secret_stays() -> None:
    here = {
        "TOKENIZERS_PARALLELISM": "abcdefgh",
        "RAY_AUTH_TOKEN_PATH": "/home/x/token",
        "RAY_AUTH_MODE": "token",
        "MY_TOKEN": "short",
    }
    assert masked("abcdefgh /home/x/token token short", here) == "abcdefgh /home/x/token token short"


@pytest.mark.parametrize(
    "word", ["https://key:opensesame@bucket/x", "http://opensesame/x", "file://opensesame", "s3://k:opensesame@b"]
)
def test_store_that_is_an_address_of_another_kind_is_refused_and_makes_no_folder(word: str) -> None:
    with pytest.raises(UserError, match="has another form") as caught:
        store_folder(word)
    assert "opensesame" not in str(caught.value)


def test_address_to_notify_without_a_scheme_is_not_shown() -> None:
    with pytest.raises(UserError) as caught:
        notify_address("opensesame")
    assert "opensesame" not in str(caught.value)


def test_log_of_a_library_has_no_secret(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    before = logging.getLogRecordFactory()
    monkeypatch.setenv("HF_TOKEN", secret("hub"))
    try:
        mask_logs()
        logging.getLogger("library").warning("%s refuses %r", "http://me:opensesame@hub/x", secret("hub"))
    finally:
        logging.setLogRecordFactory(before)
    assert caplog.messages == ["http://me:***@hub/x refuses '***'"]


def test_traceback_of_a_bug_has_no_secret() -> None:
    code = "import sys; from sweep.masking import show_masked; sys.excepthook = show_masked; raise ValueError(sys.argv[1])"
    command = [sys.executable, "-c", code, "http://me:opensesame@hub/x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "http://me:***@hub/x" in done.stderr and "opensesame" not in done.stderr


def test_actors_of_tune_are_handed_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
    for name in names:
        monkeypatch.setenv(name, "opensesame")
    monkeypatch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "1")
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(
        class_cache.ray, "remote", lambda runtime_env: asked.append(runtime_env["env_vars"]) or (lambda kind: kind)
    )
    with kept_actors():
        class_cache._ActorClassCache().get(object)
    class_cache._ActorClassCache().get(object)
    assert "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S" in asked[0] and not {*names} & asked[0].keys()
    assert {*names} <= asked[1].keys(), "Tune hands none any more: the mend can go"


BEGUN_ANEW = """
import os, sys
from sweep.masking import out_of_sight
out_of_sight("--notify", "https://hooks/opensesame" if "SWEEP_NOTIFY" not in os.environ else None, "SWEEP_NOTIFY")
print(os.environ["SWEEP_NOTIFY"], open("/proc/self/cmdline").read().replace(chr(0), " "))
"""


@pytest.mark.parametrize("words", [["--notify", "https://hooks/opensesame"], ["--notify=https://hooks/opensesame"]])
def test_secret_of_the_command_line_leaves_it_and_the_rest_stays(words: list[str], tmp_path: object) -> None:
    script = f"{tmp_path}/begun.py"
    with open(script, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(BEGUN_ANEW)
    command = [sys.executable, script, "launch", *words, "--grid", "tiny"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    address, _, line = done.stdout.strip().partition(" ")
    assert address == "https://hooks/opensesame" and "opensesame" not in line
    assert line.endswith("launch --grid tiny")


def test_folder_that_a_command_is_given_in_is_no_password() -> None:
    text = "sqlite:////home/someone/study/runs/demo/mlflow.db"
    assert masked(text, {"PWD": "/home/someone/study", "OLDPWD": "/home/someone"}) == text
    assert masked("hunter2hunter2", {"MYSQL_PWD": "hunter2hunter2"}) == "***"
