"""The lock is what the project asks for, whole and hashed, and what is installed where the tests run."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.cluster.conftest import ROOT

LOCK = ROOT / "cluster" / "requirements.lock"
MADE_BY_LOCK = ("aws", "postgres", "head")


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    lines = [line for line in LOCK.read_text("utf-8").splitlines() if re.match(r"[A-Za-z0-9]", line)]
    pairs = [re.fullmatch(r"([\w.-]+)==([\w.!+-]+)( ;.*)? \\", line) for line in lines]
    assert all(pairs), [line for line, pair in zip(lines, pairs, strict=True) if not pair]
    return {canonicalize_name(pair[1]): pair[2] for pair in pairs if pair}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    held: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return held


def test_lock_holds_what_the_project_asks_for(locked: dict[str, str], project: dict[str, Any]) -> None:
    asked = [*project["dependencies"], *(one for name in MADE_BY_LOCK for one in project["optional-dependencies"][name])]
    for line in asked:
        requirement = Requirement(line)
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), line


def test_lock_holds_what_builds_the_project(locked: dict[str, str]) -> None:
    (line,) = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert line in (ROOT / "cluster" / "build.in").read_text("utf-8").splitlines()
    assert Requirement(line).specifier.contains(locked["setuptools"])


def test_every_package_of_the_lock_has_a_hash_and_no_address(locked: dict[str, str]) -> None:
    text = LOCK.read_text("utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert len(blocks) == len(locked)
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text and "--index" not in text and "--find-links" not in text


def test_lock_is_closed(locked: dict[str, str]) -> None:
    """What an installed package of the lock needs is in the lock, in a version that it takes."""
    for name, version in locked.items():
        try:
            if importlib.metadata.version(name) != version:
                continue
        except importlib.metadata.PackageNotFoundError:
            continue
        for line in importlib.metadata.requires(name) or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate(
                {"extra": "", "platform_machine": "x86_64", "sys_platform": "linux"}
            ):
                assert need.specifier.contains(locked[canonicalize_name(need.name)], prereleases=True), f"{name} needs {line}"


def test_lock_is_what_the_tests_ran_with(locked: dict[str, str], project: dict[str, Any]) -> None:
    direct = [canonicalize_name(Requirement(line).name) for line in project["dependencies"]]
    for name in direct:
        assert importlib.metadata.version(name).split("+")[0] == locked[name], (
            f"{name}: run cluster/lock.sh, or install the lock"
        )
