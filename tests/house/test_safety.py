"""Nothing of the project runs what it was given: no pickle, no code in data, no shell, no archive unpacked as it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("sweep", "training", "reports", "search_spaces")
FORBIDDEN = {
    "pickles": r"(pickle|cPickle|dill|cloudpickle|joblib|shelve|marshal)\.\w+",
    "torch's pickles": r"torch\.(load|save)",
    "code in text": r"(eval|exec|compile|__import__)",
    "objects in YAML": r"yaml\.(load|load_all|unsafe_load|unsafe_load_all|full_load|full_load_all)",
    "a shell": r"(os\.(system|popen)|subprocess\.getoutput|subprocess\.getstatusoutput)",
    "archives unpacked as they say": r".*\.(extractall|extract|unpack_archive)",
    "temporary names that others can take": r"tempfile\.mktemp",
    "TLS without a look at who answers": r"ssl\._create_unverified_context",
}
"""What a call may not be named, and why it would be bad."""
ALLOWED: dict[tuple[str, str], str] = {}
"""(file, call): why that one is safe. Stale entries fail."""
ARGUMENTS = {"allow_pickle": True, "trust_remote_code": True, "shell": True, "verify": False, "weights_only": False}
"""What no call may be given."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the project, parsed, with its path below the root."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a tree with its name as written: `torch.load`, `eval`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def faults(tree: ast.AST) -> list[str]:
    """What calls of a tree are forbidden."""
    found = []
    for name, call in calls(tree):
        found += [f"{name}: {why}" for why, pattern in FORBIDDEN.items() if re.fullmatch(pattern, name)]
        for word in call.keywords:
            if word.arg in ARGUMENTS and getattr(word.value, "value", None) is ARGUMENTS[word.arg]:
                found.append(f"{name}: {word.arg}={ARGUMENTS[word.arg]}")
    return found


def test_no_call_runs_or_trusts_what_it_was_given() -> None:
    found = {(path, fault.partition(":")[0]): fault for path, tree in trees() for fault in faults(tree)}
    assert len(list(trees())) > 200, "the project's modules were not found"
    assert found.keys() == ALLOWED.keys(), f"forbidden, or allowed and not there any more: {found}"


@pytest.mark.parametrize(
    "code",
    [
        "import torch\ntorch.load(path)",
        "pickle.loads(x)",
        "eval('1')",
        "yaml.load(text, Loader=SafeLoader)",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "tar.extractall(folder)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "requests.get(url, verify=False)",
    ],
)
def test_forbidden_call_is_found(code: str) -> None:
    assert faults(ast.parse(code))


def test_usual_calls_are_no_faults() -> None:
    usual = "model.eval()\nre.compile('x')\nAutoConfig.from_pretrained(x, trust_remote_code=False)\nsubprocess.run(['ls'])"
    assert not faults(ast.parse(usual))


def test_no_module_imports_a_pickle_library() -> None:
    bad = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    found = []
    for path, tree in trees():
        for node in ast.walk(tree):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path}: {name}" for name in names if name.partition(".")[0] in bad]
    assert not found


@pytest.mark.parametrize("text", ["0.0.0.0", "--host 0", "dashboard-host=0", "dashboard_host="])
def test_no_server_is_opened_to_the_network(text: str) -> None:
    files = [*ROOT.glob("*.yaml"), *ROOT.glob("cluster/*"), *(ROOT / path for path, _ in trees())]
    assert not [str(path) for path in files if path.is_file() and text in path.read_text("utf-8")]
