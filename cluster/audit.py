"""Compares what a node installs, and what is installed here, with the published advisories on Python packages.

    python cluster/audit.py     leaves with 0: none is known; 1: some are; 3: not all could be asked about, so nothing is sure

The tool that asks (pip-audit) lives in a virtual environment of its own beside this one, so that it changes nothing here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCK = Path(__file__).with_name("requirements.lock")
TOOL = "pip-audit>=2.9,<3"
OURS = "sweep"
"""Published nowhere, so nobody knows anything of it."""
UNKNOWN = 3


def tool(place: Path) -> Path:
    """The program that asks; made where it is not there yet. Raises CalledProcessError where it can't be installed."""
    program = place / "bin" / "pip-audit"
    if not program.is_file():
        venv.create(place, with_pip=True)
        install = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TOOL]
        subprocess.run(install, check=True)
    return program


def audit(program: Path, what: str, words: Sequence[str]) -> int:
    """Ask about some packages, and say what is known; returns 0, 1 or 3."""
    command = [str(program), "--progress-spinner", "off", "--timeout", "20", "--format", "json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        return _say(what, [f"the advisories could not be asked: {last[:200]}"], UNKNOWN)
    return _judged(what, [package for package in packages if package["name"] != OURS])


def _judged(what: str, packages: Sequence[dict[str, Any]]) -> int:
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    lines = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none yet'}"
        for package in packages
        for fault in package.get("vulns", [])
    ]
    code = 1 if lines else 0
    if skipped or not packages:
        lines.append(f"nothing is known of {len(skipped)} of {len(packages)} packages: {', '.join(skipped[:5])} ...")
        code = code or UNKNOWN
    return _say(what, lines or [f"no advisory on any of {len(packages)} packages"], code)


def _say(what: str, lines: Sequence[str], code: int) -> int:
    sys.stdout.write("\n".join([f"== {what}", *lines]) + "\n")
    return code


def main(place: Path) -> int:
    """Ask about the lock, and about what is installed here; returns the worse answer: 1, then 3, then 0."""
    try:
        program = tool(place)
    except subprocess.CalledProcessError as error:
        return _say("pip-audit", [f"it can't be installed (pip left with {error.returncode})"], UNKNOWN)
    codes = [
        audit(
            program, f"what a node installs ({LOCK.name})", ["--disable-pip", "--require-hashes", "--requirement", str(LOCK)]
        ),
        audit(program, "what is installed here", ["--path", sysconfig.get_path("purelib")]),
    ]
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main(Path(sys.prefix) / "audit"))
